/** Names for servers that nobody has named, so that telemetry can tell them apart. */

/** Programs that fetch and start a package: the first word that is no flag and no flag's value names it. */
const PACKAGE_STARTERS: ReadonlySet<string> = new Set([
  'npx',
  'bunx',
  'uvx',
  'pipx',
  'pnpm',
  'yarn',
  'uv',
])

/** Words of these that are no package. */
const WORDS: ReadonlySet<string> = new Set(['run', 'exec', 'dlx', 'tool', 'x'])

/** Their flags that take a value. */
const VALUED_FLAGS: ReadonlySet<string> = new Set([
  '-p',
  '--package',
  '--from',
  '--with',
  '--python',
  '--index',
  '--directory',
  '--prefix',
  '-C',
])

/** Programs that run a file. */
const SCRIPT_STARTERS: ReadonlySet<string> = new Set([
  'node',
  'bun',
  'deno',
  'tsx',
  'python',
  'python3',
])

const SCRIPT = /\.(js|mjs|cjs|ts|mts|py)$/i

/** What a package is called, with its version; nothing else may become a name: it may be a secret. */
const PACKAGE = /^(@[\w.-]+\/)?[\w.-]+([@=]=?[\w.^~*-]+)?$/

const FALLBACK = 'default'

/** From `npx -y @scope/server-filesystem@1.2 /data` comes `server-filesystem`. */
export function nameOfCommand(command: readonly string[]): string {
  const [file = '', ...args] = command
  const program = baseName(file)
  if (PACKAGE_STARTERS.has(program)) return toName(packageIn(args) ?? program)
  if (SCRIPT_STARTERS.has(program)) return toName(scriptIn(args) ?? program)
  return toName(program)
}

/** From `https://mcp.example.com/mcp` comes `mcp-example-com`; a port that is no default stays. */
export function nameOfUrl(url: string): string {
  return URL.canParse(url) ? toName(new URL(url).host) : FALLBACK
}

function packageIn(args: readonly string[]): string | undefined {
  const name = args.find((arg, index) => {
    if (arg.startsWith('-') || WORDS.has(arg)) return false
    return !VALUED_FLAGS.has(args[index - 1] ?? '')
  })
  return name !== undefined && PACKAGE.test(name) ? baseName(name) : undefined
}

/** The script, or the module of `python -m`. */
function scriptIn(args: readonly string[]): string | undefined {
  const module = args[args.indexOf('-m') + 1]
  if (args.includes('-m') && module !== undefined && /^[\w.]+$/.test(module)) return module
  const script = args.find(
    (arg, index) => SCRIPT.test(arg) && !(args[index - 1] ?? '').startsWith('-'),
  )
  return script === undefined ? undefined : scriptName(script)
}

/** File and folder names that say nothing: what they lie in says more. */
const EVERYWHERE: ReadonlySet<string> = new Set(['index', 'main', 'dist', 'build', 'src', 'lib'])

function scriptName(script: string): string {
  const names = script.split(/[/\\]/).map((part) => baseName(part))
  return names.findLast((name) => name !== '' && !EVERYWHERE.has(name)) ?? baseName(script)
}

function baseName(path: string): string {
  const last = path.split(/[/\\]/).findLast((part) => part !== '') ?? ''
  return last.replace(/(?<=.)[@=].*$/, '').replace(/\.(js|mjs|cjs|ts|mts|py|exe|cmd|sh)$/i, '')
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
