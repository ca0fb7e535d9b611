/**
 * The MCP Inspector's command line: a process per operation, so every operation connects anew. It
 * ends with code 5 when a tool reports an error.
 */

import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { parseJson } from '../support/json.ts'
import { makeHome, runProgram, type Ran } from './program.ts'
import { showResult, testEveryRoute, type ClientUnderTest, type Driver } from './conversation.ts'

const INSPECTOR = fileURLToPath(
  new URL(
    'node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js',
    import.meta.url,
  ),
)

/** The exit code for a tool's error. */
const TOOL_ERROR = 5

const ERAS: readonly (readonly [string, ClientUnderTest['era'], string])[] = [
  ['the Inspector', 'legacy', 'legacy'],
  ['the Inspector that finds out the era', 'auto', 'auto'],
]

for (const [name, era, flag] of ERAS) {
  testEveryRoute({
    name,
    era,
    http: (url) => connect(['--transport', 'http', '--server-url', url, '--protocol-era', flag]),
    stdio: ({ command, args, env }) => {
      const variables = Object.entries(env).flatMap(([key, value]) => ['-e', `${key}=${value}`])
      const options = ['--transport', 'stdio', ...variables, '--protocol-era', flag]
      return connect(options, ['--', command, ...args])
    },
    failure: { text: 'it failed', failed: 'exit code 5' },
  })
}

async function connect(
  options: readonly string[],
  target: readonly string[] = [],
): Promise<Driver> {
  const home = await makeHome()
  const run = (...operation: readonly string[]): Promise<Ran> =>
    runProgram(
      [INSPECTOR, '--cli', '--quiet', '--format', 'json', ...options, ...operation, ...target],
      home,
    )
  return {
    tools: async () => {
      const ran = await run('--method', 'tools/list')
      assert.equal(ran.code, 0, ran.stderr)
      return parseJson<{ result: { tools: { name: string }[] } }>(ran.stdout).result.tools.map(
        ({ name }) => name,
      )
    },
    call: async (name, args = {}) => {
      const json = JSON.stringify(args)
      const ran = await run('--method', 'tools/call', '--tool-name', name, '--tool-args-json', json)
      const shown = showResult(parseJson<{ result: object }>(ran.stdout).result)
      assert.equal(ran.code === TOOL_ERROR, shown.failed !== undefined, ran.stderr)
      if (ran.code === 0) return shown
      return { text: shown.text, failed: `exit code ${ran.code}` }
    },
    close: async () => {},
  }
}
