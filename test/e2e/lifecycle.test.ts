/** The sidecar as a process: how it starts, what it says when it cannot, and how it ends. */

import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { parseJson } from '../support/json.ts'
import { JSON_HEADERS, RawClient, requestOnce } from '../support/raw-client.ts'
import {
  answerWell,
  startRawUpstream,
  type RawUpstream,
  type Reply,
} from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import {
  runSidelight,
  startSidecarProcess,
  withFile,
  type SidecarProcess,
} from '../support/sidecar-process.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const call = (name: string): string =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}"}}`
const LISTEN = '{"jsonrpc":"2.0","id":"l-1","method":"subscriptions/listen","params":{}}'

const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'

/** Far less than the drains that are not to be waited for. */
const IN_TIME = 30_000

interface Running {
  readonly sidecar: SidecarProcess
  readonly upstream: RawUpstream
  /** Open replies of calls to `slow`. */
  readonly waiting: Reply[]
}

/** A process in front of an upstream whose tool `slow` answers when the test says so. */
async function running(drainTimeout: string, delay = '0s'): Promise<Running> {
  const waiting: Reply[] = []
  const upstream = await startRawUpstream((request, reply) => {
    if (request.method === 'GET') return reply.stream()
    const { method, params } = parseJson<{ method: string; params?: { name?: string } }>(
      request.body,
    )
    if (method === 'subscriptions/listen') reply.stream()
    else if (params?.name === 'slow') waiting.push(reply)
    else answerWell(request, reply)
  })
  const yaml = `upstreams:\n  main: { url: "${upstream.url}" }\nshutdown: { delay: ${delay}, drainTimeout: ${drainTimeout}, flushTimeout: 1s }\n`
  const sidecar = await withFile(yaml, (file) => startSidecarProcess({ args: ['--config', file] }))
  return { sidecar, upstream, waiting }
}

async function send(
  sidecar: SidecarProcess,
  request: {
    readonly method?: string
    readonly headers?: readonly string[]
    readonly body?: string
  },
): Promise<RawClient> {
  const client = await RawClient.open(sidecar.dataUrl)
  client.send({ path: '/main/mcp', ...request })
  return client
}

async function readiness(sidecar: SidecarProcess): Promise<number> {
  return (await requestOnce(`${sidecar.adminUrl}/readyz`, { method: 'GET', headers: [] })).status
}

test('SIGTERM lets the call under way finish, ends streams, refuses the rest, and exits with 0', async () => {
  const { sidecar, waiting } = await running('10m')
  const slow = await send(sidecar, { body: call('slow') })
  const stream = await send(sidecar, { method: 'GET', headers: ['Accept: text/event-stream'] })
  const listen = await send(sidecar, { body: LISTEN })
  const idle = await send(sidecar, { body: call('quick') })
  await Promise.all([stream.head(), listen.head(), idle.response()])
  // A connection that is in use, so it may bring one more call while the sidecar drains.
  const busy = await RawClient.open(sidecar.dataUrl)
  busy.write(`POST /main/mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS.join('\r\n')}\r\n`)
  await waitFor(() => waiting.length === 1, { within: SOON, what: 'the slow call to arrive' })
  assert.equal(await readiness(sidecar), 200)

  sidecar.signal('SIGTERM')
  await Promise.all([stream.until('0\r\n\r\n'), listen.until('0\r\n\r\n')])
  assert.equal(await readiness(sidecar), 503)
  assert.equal((await requestOnce(`${sidecar.adminUrl}/healthz`, { method: 'GET' })).status, 200)

  const body = call('quick')
  busy.write(`Content-Length: ${body.length}\r\n\r\n${body}`)
  const refused = await busy.response()
  assert.equal(refused.status, 200)
  assert.match(refused.body.toString(), /"isError":true.*"reason":"draining"/)
  assert.deepEqual(refused.values('connection'), ['close'])
  await assert.rejects(fetch(sidecar.url('main')), 'new connections are not taken')
  // What a client sends on a connection that it has is answered, and not cut.
  idle.send({ path: '/main/mcp', body: INITIALIZE })
  const elsewhere = await idle.response()
  assert.equal(elsewhere.status, 503)
  assert.deepEqual(elsewhere.values('retry-after'), ['1'])
  assert.deepEqual(elsewhere.values('connection'), ['close'])
  await idle.gone()

  waiting[0]?.result({ content: [{ type: 'text', text: 'finished' }] })
  const finished = await slow.response()
  assert.match(finished.body.toString(), /finished/)
  const { code, signal } = await sidecar.finished(IN_TIME)
  assert.deepEqual([code, signal], [0, null])
})

test('SIGINT ends an idle sidecar at once, with 0', async () => {
  const { sidecar } = await running('10m')
  sidecar.signal('SIGINT')
  const { code, stderr } = await sidecar.finished(IN_TIME)
  assert.equal(code, 0)
  assert.match(stderr, /sidecar\.draining.*sidecar\.stopped/s)
})

test('a call that hangs is broken off at drainTimeout', async () => {
  const { sidecar, waiting } = await running('700ms')
  const slow = await send(sidecar, { body: call('slow') })
  await waitFor(() => waiting.length === 1, { within: SOON, what: 'the slow call to arrive' })
  const signalledAt = performance.now()
  sidecar.signal('SIGTERM')
  await slow.gone()
  const brokenAfter = performance.now() - signalledAt
  assert.ok(brokenAfter > 600, `after ${brokenAfter} ms`)
  const { code } = await sidecar.finished(IN_TIME)
  assert.equal(code, 0)
})

test('a client that keeps its connection open does not keep the sidecar alive', async () => {
  const { sidecar } = await running('10m')
  const client = await RawClient.open(sidecar.dataUrl)
  client.write('POST /main/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{')
  sidecar.signal('SIGTERM')
  const { code } = await sidecar.finished(IN_TIME)
  assert.equal(code, 0)
})

test('a second signal ends the process at once', async () => {
  for (const [second, expected] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    const { sidecar, waiting } = await running('10m')
    await send(sidecar, { body: call('slow') })
    await waitFor(() => waiting.length === 1, { within: SOON, what: 'the slow call to arrive' })
    sidecar.signal('SIGTERM')
    await waitFor(() => sidecar.stderr.includes('sidelight.sidecar.draining'), {
      within: SOON,
      what: 'the drain to begin',
    })
    sidecar.signal(second)
    const { code } = await sidecar.finished(IN_TIME)
    assert.equal(code, expected)
  }
})

test('during shutdown.delay it is not ready, and still answers calls', async () => {
  const { sidecar } = await running('1s', '10m')
  const before = await send(sidecar, { body: call('quick') })
  await before.response()
  sidecar.signal('SIGTERM')
  await waitFor(async () => (await readiness(sidecar)) === 503, {
    within: SOON,
    what: 'readiness to end',
  })
  for (const client of [before, await RawClient.open(sidecar.dataUrl)]) {
    client.send({ path: '/main/mcp', body: call('quick') })
    const response = await client.response()
    assert.match(response.body.toString(), /"text":"done"/)
    assert.deepEqual(response.values('connection'), ['close'])
  }
  sidecar.signal('SIGTERM')
  assert.equal((await sidecar.finished(IN_TIME)).code, 143)
})

async function takenPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  closeAfterTest(() => new Promise((resolve) => server.close(resolve)))
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : 0
}

test('a port that is taken is named, with the flag that changes it', async () => {
  const port = await takenPort()
  const address = `127.0.0.1:${port}`
  for (const [listen, admin, flag, key] of [
    [address, '127.0.0.1:0', '--listen', 'listen.data'],
    ['127.0.0.1:0', address, '--admin', 'listen.admin'],
  ] as const) {
    const { code, stderr } = await runSidelight([
      'run',
      '--upstream',
      'http://127.0.0.1:1/mcp',
      '--listen',
      listen,
      '--admin',
      admin,
    ])
    assert.equal(code, 1)
    assert.equal(
      stderr,
      `sidelight: ${address} is already in use; choose another with ${flag} ADDRESS (or ${key} in the file)\n`,
    )
  }
})

test('--print-config shows the effective configuration and no secret', async () => {
  const yaml = [
    'upstreams:',
    '  weather:',
    '    url: https://weather.example/mcp?api_key=secret-1',
    '    headers: { Authorization: "Bearer ${WEATHER_TOKEN}", X-Key: secret-3 }',
    'limits: { body: 1MiB }',
  ].join('\n')
  await withFile(yaml, async (file) => {
    for (const args of [
      ['run', '--config', file, '--print-config', '--listen', '127.0.0.1:7777'],
      ['check', file, '--print-config'],
    ]) {
      const { code, stdout, stderr } = await runSidelight(args, { WEATHER_TOKEN: 'secret-2' })
      assert.equal(code, 0, stderr)
      assert.doesNotMatch(stdout + stderr, /secret-/)
      assert.match(stdout, /url: "?https:\/\/weather\.example\/mcp\?\*{8}/)
      assert.match(stdout, /Authorization: "?\*{8}/)
      assert.match(stdout, /body: 1MiB/)
      assert.match(stdout, /drainTimeout: 10s/)
      if (args[0] === 'run') assert.match(stdout, /data: 127\.0\.0\.1:7777/)
    }
  })
})

/** Files that are wrong, with the line and the words that must be said of it. */
const BAD_FILES: readonly (readonly [string, string, number, RegExp])[] = [
  [
    'an unknown key',
    'upstreams:\n  a: { url: "http://a.example/mcp" }\nlimits:\n  bodi: 1MiB\n',
    4,
    /limits\.bodi: unknown key; did you mean "body"\?/,
  ],
  [
    'a value of the wrong type',
    'upstreams:\n  a:\n    url: "http://a.example/mcp"\n    connections: many\n',
    4,
    /upstreams\.a\.connections: expected/,
  ],
  [
    'a URL that is none',
    'upstreams:\n  a:\n    url: weather\n',
    3,
    /upstreams\.a\.url: expected an http/,
  ],
  [
    'a name that stands twice',
    'upstreams:\n  a: { url: "http://a.example/mcp" }\n  a: { url: "http://b.example/mcp" }\n',
    3,
    /twice/,
  ],
  [
    'a name that is none',
    'upstreams:\n  "Bad Name": { url: "http://a.example/mcp" }\n',
    2,
    /upstream name of lower-case letters/,
  ],
  [
    'a variable that is not set',
    'upstreams:\n  a:\n    url: "${NOT_SET_ANYWHERE}"\n',
    3,
    /NOT_SET_ANYWHERE is not set/,
  ],
  ['text that is no YAML', 'upstreams:\n  a: {\n', 3, /not valid YAML/],
]

for (const [what, yaml, line, message] of BAD_FILES) {
  test(`a file with ${what} refuses the start and names its line`, async () => {
    await withFile(yaml, async (file) => {
      const run = await runSidelight(['run', '--config', file])
      assert.equal(run.code, 2)
      assert.ok(run.stderr.startsWith(`${file}:${line}: `), run.stderr)
      assert.match(run.stderr, message)
      assert.equal(run.stdout, '')
    })
  })
}

test('check says whether a file is valid', async () => {
  await withFile('upstreams:\n  a: { url: "http://a.example/mcp" }\n', async (file) => {
    const { code, stdout } = await runSidelight(['check', file])
    assert.deepEqual([code, stdout], [0, `${file}: valid, 1 upstream\n`])
  })
  await withFile('upstream: {}\n', async (file) => {
    const { code, stderr } = await runSidelight(['check', file])
    assert.equal(code, 1)
    assert.match(stderr, /:1: upstream: unknown key; did you mean "upstreams"\?/)
  })
  const missing = await runSidelight(['check', 'no-such-file.yaml'])
  assert.equal(missing.code, 2)
  assert.match(missing.stderr, /no-such-file\.yaml: there is no such file/)
})

test('--version, --help and a mistyped command answer as people expect', async () => {
  const [version, help, runHelp, nothing, typo, flag] = await Promise.all([
    runSidelight(['--version']),
    runSidelight(['--help']),
    runSidelight(['run', '--help']),
    runSidelight([]),
    runSidelight(['chek']),
    runSidelight(['run', '--upstraem', 'http://a.example/mcp']),
  ])
  assert.equal(version.code, 0)
  assert.match(version.stdout, /^sidelight \d+\.\d+\.\d+\n$/)
  assert.equal(help.code, 0)
  assert.match(help.stdout, /Usage: sidelight COMMAND/)
  assert.match(runHelp.stdout, /--upstream.*--config.*--listen.*--admin/s)
  assert.equal(nothing.stdout, help.stdout)
  assert.equal(typo.code, 2)
  assert.match(typo.stderr, /did you mean check\?/)
  assert.equal(flag.code, 2)
  assert.match(flag.stderr, /did you mean --upstream\?/)
})

test('the log is JSON lines, and says nothing of ordinary calls', async () => {
  const { sidecar } = await running('1s')
  const client = await send(sidecar, { body: call('quick') })
  await client.response()
  sidecar.signal('SIGTERM')
  const { stderr, stdout } = await sidecar.finished(IN_TIME)
  assert.equal(stdout, '')
  const events = stderr
    .trim()
    .split('\n')
    .map((line) => parseJson<{ event_name: string }>(line).event_name)
  assert.deepEqual(events, [
    'sidelight.sidecar.started',
    'sidelight.sidecar.draining',
    'sidelight.sidecar.stopped',
  ])
})
