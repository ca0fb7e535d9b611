/**
 * One process of the demo in a container of its own, so that it can be stopped to see what happens:
 *
 *   node deploy/compose/demo.ts everything 3001
 *   node deploy/compose/demo.ts library 3002
 *   node deploy/compose/demo.ts agent http://127.0.0.1:8420 4
 *
 * Servers take any free port of loopback; what comes to the given one is handed on to that.
 */

import { connect, createServer, type Socket } from 'node:net'
import { Children, type Child } from '../../src/cli/demo/children.ts'

const MODULES = {
  everything: '../../src/cli/demo/everything-server.ts',
  library: '../../src/cli/demo/library-server.ts',
  agent: '../../src/cli/demo/agent.ts',
} as const

/** As in `sidelight demo`. */
const SEED = 20260728

const [kind = '', where = '', rate = '4'] = process.argv.slice(2)
if (kind !== 'everything' && kind !== 'library' && kind !== 'agent') {
  console.error('usage: demo.ts everything|library PORT, or demo.ts agent URL [CALLS_PER_SECOND]')
  process.exit(2)
}

const children = new Children({ env: process.env })
const child = children.start(kind, new URL(MODULES[kind], import.meta.url))
const port = await Promise.race([child.ready, children.failed])
if (typeof port === 'object') fail(port.what, port.output)

if (kind === 'agent') work(child)
else serve(port ?? 0)

void children.failed.then(({ what, output }) => fail(what, output))
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => void children.stop().then(() => process.exit(0)))
}

function work(agent: Child): void {
  agent.tell({
    kind: 'work',
    everythingUrl: `${where}/everything/mcp`,
    libraryUrl: `${where}/library/mcp`,
    callsPerSecond: Number(rate),
    seed: SEED,
  })
}

/** Hands connections on, byte for byte. */
function serve(to: number): void {
  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1')
    end(near, far)
    end(far, near)
    near.pipe(far).pipe(near)
  })
  server.listen(Number(where), '127.0.0.1', () => console.log(`${kind} listens on ${where}`))
}

/** When one side breaks, so does the other. */
function end(one: Socket, other: Socket): void {
  one.on('error', () => other.destroy())
  one.on('close', () => other.destroy())
}

function fail(what: string, output: readonly string[]): never {
  console.error(`${kind} ${what}\n${output.join('\n')}`)
  process.exit(1)
}
