/** Names for servers that nobody has named, so that telemetry can tell them apart. */

/** Programs that start another one, which is the server. */
const STARTERS: ReadonlySet<string> = new Set([
  'npx',
  'bunx',
  'pnpm',
  'yarn',
  'uvx',
  'uv',
  'pipx',
  'node',
  'deno',
  'bun',
  'python',
  'python3',
  'docker',
  'podman',
  'env',
  'sh',
  'bash',
])

/** Words of starters that are no server's name. */
const WORDS: ReadonlySet<string> = new Set(['run', 'exec', 'dlx', 'tool', 'x'])

const FALLBACK = 'default'

/** From `npx -y @scope/server-filesystem@1.2 /data` comes `server-filesystem`. */
export function nameOfCommand(command: readonly string[]): string {
  const [file = '', ...args] = command
  const program = baseName(file)
  if (!STARTERS.has(program)) return toName(program)
  const server = args.find((arg) => !arg.startsWith('-') && !WORDS.has(arg) && !arg.includes('='))
  return toName(server === undefined ? program : baseName(server))
}

/** From `https://mcp.example.com/mcp` comes `mcp-example-com`. */
export function nameOfUrl(url: string): string {
  return URL.canParse(url) ? toName(new URL(url).hostname) : FALLBACK
}

function baseName(path: string): string {
  const last = path.split(/[/\\]/).findLast((part) => part !== '') ?? ''
  return last.replace(/(?<=.)@.*$/, '').replace(/\.(js|mjs|cjs|ts|mts|py|exe|cmd|sh)$/i, '')
}

/** As upstream names must be: lower case, digits, `-` and `_`. */
function toName(text: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, '-')
    .replaceAll(/^[-_]+|[-_]+$/g, '')
    .slice(0, 63)
  return name === '' ? FALLBACK : name
}
