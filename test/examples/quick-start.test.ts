/** docs/quick-start.md, from its first command to its last. */

import assert from 'node:assert/strict'
import { mkdir, symlink } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { parseJson } from '../support/json.ts'
import { startHttpServer } from '../support/http-server.ts'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { OTLP, plainAttributes } from '../support/otlp-types.ts'
import { commandsOf, inFolder, newHome, PACKAGES, ROOT, spansAt } from './example.ts'

const PAGE = 'docs/quick-start.md'
const SERVER = 'http://127.0.0.1:3001/mcp'
const DATA = 'http://127.0.0.1:8420'
const ADMIN = 'http://127.0.0.1:9464'
const COLLECTOR = 'http://127.0.0.1:4318'

/** What `npx -y` would fetch stands where it looks first. */
const FETCHED: readonly (readonly [name: string, program: string])[] = [
  ['server-everything', 'mcp-server-everything'],
  ['inspector', 'inspector'],
]

async function linkFetched(folder: string): Promise<void> {
  const scope = path.join(folder, 'node_modules/@modelcontextprotocol')
  await mkdir(scope)
  for (const [name, program] of FETCHED) {
    await symlink(path.join(PACKAGES, '@modelcontextprotocol', name), path.join(scope, name))
    const from = path.join(PACKAGES, '.bin', program)
    await symlink(from, path.join(folder, 'node_modules/.bin', program))
  }
}

/** A port that nobody has: the server of the page takes it from PORT, and cannot be told to choose. */
async function freePort(): Promise<number> {
  const { port, close } = await startHttpServer(() => {})
  await close()
  return port
}

test('every command of the quick start does what the page says', async () => {
  const commands = commandsOf(PAGE)[Symbol.iterator]()
  const next = (): string => commands.next().value ?? assert.fail('there are no more commands')
  const home = await newHome()
  const clone = inFolder(ROOT, home.env)
  // Whatever runs this test has run it: the packages are there.
  assert.equal(next(), 'npm ci')
  for (const step of ['npm run build', 'npm pack ./dist --pack-destination ~']) {
    assert.equal(next(), step)
    await clone.run(step)
  }
  const folder = next()
  assert.equal(folder, 'mkdir ~/try-sidelight && cd ~/try-sidelight && npm init --yes')
  await clone.run(folder)
  const own = inFolder(path.join(home.folder, 'try-sidelight'), home.env)
  await own.run(next())
  assert.equal(await own.run(next()), 'sidelight 0.1.0\n')
  await linkFetched(own.folder)

  const port = await freePort()
  const serving = own.start(next(), { PORT: String(port) })
  await serving.find(/listening on port \d+/)
  const url = `http://127.0.0.1:${port}/mcp`
  const listening = await own.startSidelight(next().replace(SERVER, url))
  const call = next()
  assert.match(await own.run(call.replace(DATA, listening.dataUrl)), /Echo: hello/)
  const page = await fetch(listening.adminUrl, { headers: { accept: 'text/html' } })
  assert.match(await page.text(), /^<!doctype html>/)
  assertSeen(await own.run(next().replace(ADMIN, listening.adminUrl)))
  assert.match(await own.run(`${next()} --url ${listening.adminUrl}`), /^default echo +\d+ +1 /m)
  await listening.stop()

  const sink = await startOtlpSink()
  const [, variable, command = ''] = /^(OTEL_\w+)=\S+ (.*)$/.exec(next()) ?? []
  assert.equal(variable, 'OTEL_EXPORTER_OTLP_ENDPOINT')
  const traced = await own.startSidelight(command.replace(SERVER, url), sink.env)
  assert.match(await own.run(call.replace(DATA, traced.dataUrl)), /Echo: hello/)
  const spans = await spansAt(sink, 2, ({ name }) => name === 'tools/call echo')
  assert.deepEqual(new Set(spans.map(({ kind }) => kind)), new Set([OTLP.server, OTLP.client]))
  assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1)

  assert.match(await own.run(next().replace(COLLECTOR, sink.url)), /Echo: hello/)
  await spansAt(
    sink,
    2,
    ({ name, attributes }) =>
      name === 'tools/call echo' && plainAttributes(attributes)['network.transport'] === 'pipe',
  )

  const prefix = path.join(home.folder, 'global')
  await own.run(next(), { npm_config_prefix: prefix })
  const PATH = `${path.join(prefix, 'bin')}${path.delimiter}${home.env['PATH']}`
  assert.equal(await own.run(next(), { PATH }), 'sidelight 0.1.0\n')
  assert.equal(commands.next().done, true)
})

/** Asserts that the last call is that of the tool, and has a trace id. */
function assertSeen(answer: string): void {
  const [last] = parseJson<{ calls: readonly { target: string; traceId: string }[] }>(answer).calls
  assert.equal(last?.target, 'echo')
  assert.match(last.traceId, /^[0-9a-f]{32}$/)
}
