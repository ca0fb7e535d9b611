/** A configuration that changes while calls pass: what stays goes on, and a bad file harms nothing. */

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { LOOK_EVERY_MS } from '../../src/cli/config-watch.ts'
import { parseJson } from '../support/json.ts'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type RawUpstream } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import {
  runSidelight,
  startSidecarProcess,
  type Finished,
  type SidecarProcess,
} from '../support/sidecar-process.ts'
import { waitFor } from '../support/wait-for.ts'

/** Files are looked at every two seconds. */
const NOTICED_WITHIN = 30_000

/** Leaves out the looks at the file, so that none of them reads what an order is to find new. */
const WITHOUT_LOOKS = `
  const { setInterval } = globalThis
  globalThis.setInterval = (work, ms, ...more) =>
    setInterval(work, ms === ${LOOK_EVERY_MS} ? 2 ** 31 - 1 : ms, ...more)
`

interface Place {
  readonly file: string
  write(upstreams: Readonly<Record<string, string>>, more?: string): Promise<void>
  writeText(text: string): Promise<void>
}

async function place(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-'))
  closeAfterTest(() => rm(directory, { recursive: true }))
  const file = join(directory, 'sidelight.yaml')
  // As editors and ConfigMaps do it: the new file is there whole, or not at all.
  const writeText = async (text: string): Promise<void> => {
    await writeFile(`${file}.new`, text)
    await rename(`${file}.new`, file)
  }
  return {
    file,
    writeText,
    write: (upstreams, more = '') => writeText(yamlOf(upstreams, more)),
  }
}

function yamlOf(upstreams: Readonly<Record<string, string>>, more = ''): string {
  const lines = Object.entries(upstreams).map(
    ([name, url]) => `  ${name}: { url: ${url}, timeout: 5m }`,
  )
  return `upstreams:\n${lines.join('\n')}\n${more}`
}

/** One that reads its file when it is told to, and not by itself. */
function startOrdered(file: string): Promise<SidecarProcess> {
  const module = `data:text/javascript,${encodeURIComponent(WITHOUT_LOOKS)}`
  return startSidecarProcess({
    args: ['--config', file],
    env: { NODE_OPTIONS: `--import=${module}` },
  })
}

function echo(answer: string): Promise<RawUpstream> {
  return startRawUpstream((_request, reply) => reply.result({ answer }))
}

async function call(sidecar: SidecarProcess, upstream: string): Promise<string> {
  const response = await fetch(sidecar.url(upstream), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-06-18',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  })
  return response.text()
}

function outputOf({ code, stdout, stderr }: Finished): [number | null, string, string] {
  return [code, stdout, stderr]
}

async function reloads(sidecar: SidecarProcess, result: string): Promise<number> {
  const metrics = await sidecar.metrics()
  return metrics.sum('sidelight_config_reloads_total', {
    sidelight_config_reload_outcome: result,
  })
}

interface Reloaded {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** Orders it to read its file, and waits for what becomes of that. */
async function reload(sidecar: SidecarProcess): Promise<Reloaded> {
  const reply = await fetch(`${sidecar.adminUrl}/api/v1/config/reload`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"actor":"ann"}',
  })
  return { status: reply.status, body: parseJson(await reply.text()) }
}

async function reloadedAs(sidecar: SidecarProcess, result: string): Promise<Reloaded['body']> {
  const { status, body } = await reload(sidecar)
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body['result'], result)
  return body
}

async function counted(sidecar: SidecarProcess, result: string, count: number): Promise<void> {
  await waitFor(async () => (await reloads(sidecar, result)) === count, {
    within: NOTICED_WITHIN,
    what: () => `${count} reloads that are ${result}; the log: ${sidecar.stderr}`,
  })
}

it('a changed file adds, changes and removes upstreams, and calls under way finish', async () => {
  const [first, second] = [await echo('first'), await echo('second')]
  let finish: (() => void) | undefined
  const slow = await startRawUpstream((request, reply) => {
    // Health checks come when they like; only the call is slow.
    if (request.json()['method'] !== 'tools/list') return reply.result({})
    finish = () => reply.result({ answer: 'late' })
  })
  const config = await place()
  await config.write({ one: first.url, two: slow.url, gone: second.url })
  const sidecar = await startOrdered(config.file)
  const late = call(sidecar, 'two')
  await waitFor(() => finish !== undefined, { within: NOTICED_WITHIN, what: 'the slow call' })
  await config.write({ one: first.url, two: second.url, new: second.url })
  assert.deepEqual(await reloadedAs(sidecar, 'applied'), {
    result: 'applied',
    upstreamsAdded: ['new'],
    upstreamsRemoved: ['gone'],
    upstreamsChanged: ['two'],
    keysChanged: [],
    keysNeedRestart: [],
  })
  assert.match(await call(sidecar, 'one'), /"first"/)
  assert.match(await call(sidecar, 'two'), /"second"/)
  assert.match(await call(sidecar, 'new'), /"second"/)
  assert.match(await call(sidecar, 'gone'), /no upstream named.*configured: one, new, two/)
  finish?.()
  assert.match(await late, /"late"/)
  await waitFor(() => slow.sockets.size === 0, {
    within: NOTICED_WITHIN,
    what: 'the connections to what is configured no more to close',
  })
  assert.match(
    sidecar.stderr,
    /"sidelight\.config\.upstreams_added":"new","sidelight\.config\.upstreams_removed":"gone","sidelight\.config\.upstreams_changed":"two"/,
  )
})

it('a breaker stays as it is when its upstream is configured otherwise, and goes with its server', async () => {
  const [one, other] = [await echo('one'), await echo('other')]
  const config = await place()
  await config.write({ main: one.url })
  const sidecar = await startOrdered(config.file)
  const order = { action: 'force-open', reason: 'a test', actor: 'ann', ttlSeconds: 600 }
  const ordered = await fetch(`${sidecar.adminUrl}/breakers/main`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(order),
  })
  assert.equal(ordered.status, 200)
  await config.writeText(`upstreams:\n  main: { url: ${one.url}, timeout: 4m, concurrency: 7 }\n`)
  await reloadedAs(sidecar, 'applied')
  assert.match(await call(sidecar, 'main'), /so calls to it are paused/)
  await config.write({ main: other.url })
  await reloadedAs(sidecar, 'applied')
  assert.match(await call(sidecar, 'main'), /"answer":"other"/)
})

it('an open stream of an upstream that stays is not touched', async () => {
  const upstream = await startRawUpstream((request, reply) => {
    if (request.method === 'GET') {
      reply.stream()
      reply.event({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'one' } })
      send = (data) =>
        reply.event({ jsonrpc: '2.0', method: 'notifications/message', params: { data } })
    } else reply.result({})
  })
  let send: (data: string) => void = () => {}
  const config = await place()
  await config.write({ one: upstream.url })
  const sidecar = await startSidecarProcess({ args: ['--config', config.file] })
  const stream = await fetch(sidecar.url('one'), {
    headers: { accept: 'text/event-stream', 'mcp-session-id': 's' },
  })
  const reader = stream.body?.getReader()
  assert.ok(reader !== undefined)
  const decoder = new TextDecoder()
  assert.match(decoder.decode((await reader.read()).value), /"one"/)
  await config.write({ one: upstream.url, two: upstream.url })
  sidecar.signal('SIGHUP')
  await counted(sidecar, 'applied', 1)
  send('two')
  assert.match(decoder.decode((await reader.read()).value), /"two"/)
  await reader.cancel()
})

it('a bad file changes nothing, is counted, and is named with its line', async () => {
  const upstream = await echo('still here')
  const config = await place()
  await config.write({ one: upstream.url })
  const sidecar = await startOrdered(config.file)
  await config.writeText(
    'upstreams:\n  one: { url: "http://127.0.0.1:1/mcp?key=canary-key", timeot: 5s }\n',
  )
  const { status, body } = await reload(sidecar)
  assert.equal(status, 422)
  assert.equal(body['code'], 'invalid_config')
  assert.deepEqual(body['problems'], [
    { path: 'upstreams.one.timeot', line: 2, message: 'unknown key; did you mean "timeout"?' },
  ])
  assert.doesNotMatch(sidecar.stderr, /canary-key/)
  assert.match(await call(sidecar, 'one'), /"still here"/)
  assert.match(sidecar.stderr, /sidelight\.yaml:2: upstreams\.one\.timeot/)
  const metrics = await sidecar.metrics()
  assert.equal(metrics.sum('sidelight_config_valid', {}), 0)
  await config.write({ one: upstream.url })
  await reloadedAs(sidecar, 'unchanged')
  assert.equal((await sidecar.metrics()).sum('sidelight_config_valid', {}), 1)
})

it('sidelight reload orders it from the same machine, and says what became of it', async () => {
  const upstream = await echo('x')
  const config = await place()
  await config.write({ one: upstream.url })
  const sidecar = await startOrdered(config.file)
  const order = ['reload', '--admin', sidecar.adminUrl.replace('http://', '')]
  await config.write({ two: upstream.url }, 'limits: { sessions: 7 }\nrejections: http\n')
  assert.deepEqual(outputOf(await runSidelight(order)), [
    0,
    'restart_needed\n  upstreams added: two\n  upstreams removed: one\n  changed: rejections\n  waiting for a restart: limits.sessions\n',
    '',
  ])
  await config.writeText('upstreams:\n  two: { url: nowhere }\n')
  const [code, , stderr] = outputOf(await runSidelight(order))
  assert.equal(code, 1)
  assert.match(
    stderr,
    /the file is not valid, and what ran goes on running\nfile:2: upstreams\.two\.url: /,
  )
})

it('a file with a header that is not there changes nothing', async () => {
  const upstream = await echo('as before')
  const config = await place()
  await config.write({ one: upstream.url })
  const sidecar = await startOrdered(config.file)
  const headers = '{ Authorization: { file: /nonexistent/token } }'
  await config.writeText(`upstreams:\n  one: { url: ${upstream.url}, headers: ${headers} }\n`)
  const { status, body } = await reload(sidecar)
  assert.equal(status, 422)
  assert.match(JSON.stringify(body['problems']), /nonexistent\/token cannot be read \(ENOENT\)/)
  assert.match(await call(sidecar, 'one'), /"as before"/)
  assert.match(sidecar.stderr, /nonexistent\/token cannot be read \(ENOENT\)/)
})

it('keys that need a restart are named, and the others are followed', async () => {
  const upstream = await echo('x')
  const config = await place()
  await config.write({ one: upstream.url })
  const sidecar = await startOrdered(config.file)
  const limits = 'limits: { sessions: 7 }\ninsight: { tools: 5, health: { minimumCalls: 3 } }\n'
  await config.write({ one: upstream.url, two: upstream.url }, `${limits}mcp: { control: true }\n`)
  // What waits for a restart is said each time.
  for (const keys of [['insight.health.minimumCalls', 'mcp.control'], []]) {
    const body = await reloadedAs(sidecar, 'restart_needed')
    assert.deepEqual(body['keysChanged'], keys)
    assert.deepEqual(body['keysNeedRestart'], ['limits.sessions', 'insight.tools'])
  }
  const shown = await (await fetch(`${sidecar.adminUrl}/api/v1/config`)).text()
  assert.match(shown, /"mcp":\{"enabled":true,"control":true/)
  assert.match(await call(sidecar, 'two'), /"x"/)
  assert.match(
    sidecar.stderr,
    /"sidelight\.config\.keys_need_restart":"limits\.sessions,insight\.tools"/,
  )
})

it('a ConfigMap is followed as kubelet writes it, and one that is gone for a while changes nothing', async () => {
  const upstream = await echo('x')
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-'))
  closeAfterTest(() => rm(directory, { recursive: true }))
  let version = 0
  // A new directory, a link to it beside the old one, and a rename over that (atomic_writer.go).
  const put = async (text: string): Promise<void> => {
    version += 1
    const name = `..2026_11_30_10_00_00.${version}`
    await mkdir(join(directory, name))
    await writeFile(join(directory, name, 'sidelight.yaml'), text)
    await symlink(name, join(directory, '..data_tmp'))
    await rename(join(directory, '..data_tmp'), join(directory, '..data'))
    await rm(join(directory, `..2026_11_30_10_00_00.${version - 1}`), {
      recursive: true,
      force: true,
    })
  }
  await put(yamlOf({ one: upstream.url }))
  await symlink(join('..data', 'sidelight.yaml'), join(directory, 'sidelight.yaml'))
  const sidecar = await startSidecarProcess({
    args: ['--config', join(directory, 'sidelight.yaml')],
  })
  await put(yamlOf({ one: upstream.url, two: upstream.url }))
  await counted(sidecar, 'applied', 1)
  assert.match(await call(sidecar, 'two'), /"x"/)
  // The link leads nowhere, as while a volume is taken away and mounted again.
  await rename(join(directory, '..data'), join(directory, '..gone'))
  assert.equal((await reload(sidecar)).status, 422)
  assert.match(await call(sidecar, 'two'), /"x"/)
  await rename(join(directory, '..gone'), join(directory, '..data'))
  await put(yamlOf({ three: upstream.url }))
  await counted(sidecar, 'applied', 2)
  assert.match(await call(sidecar, 'three'), /"x"/)
  assert.equal(await reloads(sidecar, 'invalid'), 1)
})

it('without a file SIGHUP changes nothing and ends nothing', async () => {
  const upstream = await echo('x')
  const sidecar = await startSidecarProcess({ args: ['--upstream', `one=${upstream.url}`] })
  sidecar.signal('SIGHUP')
  assert.match(await call(sidecar, 'one'), /"x"/)
  assert.equal(await reloads(sidecar, 'applied'), 0)
  const { status, body } = await reload(sidecar)
  assert.deepEqual([status, body['code']], [409, 'no_file'])
})

it('a changed policy is in force as a whole, and a wrong one changes nothing', async () => {
  const upstream = await echo('called')
  const { file, ...written } = await place()
  const policy = (rules: string): string => `policy: { roles: { anonymous: { ${rules} } } }\n`
  const put = (rules: string): Promise<void> => written.write({ main: upstream.url }, policy(rules))
  await put('allow: ["main:tool/*"], deny: ["main:method/tools/list"]')
  const sidecar = await startOrdered(file)
  const answer = (): Promise<string> => call(sidecar, 'main')
  assert.match(await answer(), /does not allow the method/)
  await put('allow: ["main:*"]')
  await reloadedAs(sidecar, 'applied')
  assert.match(await answer(), /called/)
  await put('allow: ["mian:*"]')
  assert.equal((await reload(sidecar)).status, 422)
  assert.match(sidecar.stderr, /policy\.roles\.anonymous\.allow\.0: there is no upstream/)
  assert.match(await answer(), /called/)
})

it('a receiver of alerts that a newer file brings is told of what fires', async () => {
  const failing = await startRawUpstream((_request, reply) => reply.result({ isError: true }))
  const hook = await startRawUpstream((_request, reply) => reply.send({}))
  const at = await place()
  await at.write({ main: failing.url })
  const sidecar = await startOrdered(at.file)
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'break', arguments: {} },
  })
  for (let i = 0; i < 6; i += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await requestOnce(sidecar.url('main'), { body })
  }
  await at.write(
    { main: failing.url },
    [
      'alerts:',
      '  rules: { errorRate: { for: 0s } }',
      `  receivers: { hook: { type: webhook, url: ${hook.url} } }`,
      '',
    ].join('\n'),
  )
  await reloadedAs(sidecar, 'applied')
  // Alerts are judged every few seconds.
  const told = await waitFor(() => hook.requests[0], {
    within: 2 * NOTICED_WITHIN,
    what: () => `a notification; the log: ${sidecar.stderr}`,
  })
  assert.equal(told.json()['status'], 'firing')
  assert.equal(await reloads(sidecar, 'applied'), 1)
})

it('a sidecar that is told to stop puts nothing more in force', async () => {
  let answerHeld: (() => void) | undefined
  const upstream = await startRawUpstream((request, reply) => {
    const answer = (): void => reply.result({ answer: 'held' })
    if (!request.body.includes('"tools/call"')) return answer()
    answerHeld = answer
  })
  const at = await place()
  await at.write({ main: upstream.url })
  const sidecar = await startSidecarProcess({ args: ['--config', at.file] })
  const held = requestOnce(sidecar.url('main'), {
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"held"}}',
  })
  const answer = await waitFor(() => answerHeld, { within: NOTICED_WITHIN, what: 'the call' })
  sidecar.signal('SIGTERM')
  await waitFor(() => sidecar.stderr.includes('"sidelight.sidecar.draining"'), {
    within: NOTICED_WITHIN,
    what: () => `the drain: ${sidecar.stderr}`,
  })
  await at.write({ main: upstream.url, more: upstream.url })
  const { status, body } = await reload(sidecar)
  assert.deepEqual([status, body['result'], body['upstreamsAdded']], [200, 'unchanged', []])
  answer()
  assert.match((await held).body.toString(), /held/)
  const { code, stderr } = await sidecar.finished(NOTICED_WITHIN)
  assert.equal(code, 0)
  assert.doesNotMatch(stderr, /sidelight\.config\.reloaded/)
})
