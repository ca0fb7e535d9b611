/** The audit log of a running sidecar: what is recorded of whose calls, and what never is. */

import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseRecord, type AuditRecord } from '../../src/audit/record.ts'
import { makeDirectory, verify } from '../audit/rig.ts'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type RawHandler } from '../support/raw-upstream.ts'
import { runSidelight, startSidecarProcess } from '../support/sidecar-process.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { startTokenIssuer } from '../support/token-issuer.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const answer: RawHandler = (request, reply) => {
  if (request.body.includes('"fails"')) {
    reply.send({
      headers: ['Content-Type: application/json'],
      body: '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"hidden-error-text"}}',
    })
  } else reply.result({ content: [{ type: 'text', text: '{"token":"canary-result","n":1}' }] })
}

async function scene(
  audit: Readonly<Record<string, unknown>> = {},
  config: Readonly<Record<string, unknown>> = {},
): Promise<{ directory: string; sidecar: TestSidecar; received: () => number }> {
  const directory = await makeDirectory()
  let received = 0
  const upstream = await startRawUpstream((request, reply) => {
    received += 1
    answer(request, reply)
  })
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    config: {
      audit: { dir: directory, freeSpace: '0B', flushInterval: '5ms', ...audit },
      ...config,
    },
  })
  return { directory, sidecar, received: () => received }
}

function callTool(
  sidecar: TestSidecar,
  tool: string,
  headers: Readonly<Record<string, string>> = {},
  args = '{"city":"Paris","password":"canary-argument"}',
): Promise<Response> {
  return fetch(sidecar.url('main'), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${tool}","arguments":${args}}}`,
  })
}

async function recordsIn(directory: string): Promise<AuditRecord[]> {
  const names = (await readdir(directory)).filter((name) => name.startsWith('audit-')).toSorted()
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')))
  return texts
    .flatMap((text) => text.split('\n'))
    .flatMap((line) => parseRecord(Buffer.from(line)) ?? [])
}

/** The record of a type that came at this place among its kind. */
function one(records: readonly AuditRecord[], type: string, index = 0): AuditRecord {
  const found = typed(records, type)[index]
  assert.ok(found !== undefined, `${type} ${index}`)
  return found
}

function whoOf(record: AuditRecord): NonNullable<AuditRecord['who']> {
  return record.who ?? {}
}

const typed = (records: readonly AuditRecord[], type: string): AuditRecord[] =>
  records.filter((record) => record.type === type)

test('a call leaves a record, with keyed hashes in place of what it said', async () => {
  const { directory, sidecar } = await scene({ flushInterval: '60s' })
  await (await callTool(sidecar, 'weather', { 'Mcp-Session-Id': 'hidden-session' })).text()
  await (
    await callTool(sidecar, 'weather', {}, '{ "password": "canary-argument", "city":"Paris"}')
  ).text()
  await (await callTool(sidecar, 'fails')).text()
  await sidecar.close()
  const records = await recordsIn(directory)
  const [first, second] = [one(records, 'call.ended'), one(records, 'call.ended', 1)]
  const failed = one(records, 'call.ended', 2)
  assert.deepEqual(
    [first.upstream, first.method, first.tool, whoOf(first).address],
    ['main', 'tools/call', 'weather', '127.0.0.0/24'],
  )
  assert.match(String(whoOf(first).session), /^[\w-]{22}$/)
  assert.match(JSON.stringify(first.trace), /"traceId":"[0-9a-f]{32}"/)
  assert.match(String(first.argumentsHash), /^[\w-]{43}$/)
  // RFC 8785: the same arguments however they are spelled.
  assert.equal(first.argumentsHash, second.argumentsHash)
  assert.deepEqual(first.arguments, { bytes: 45, form: 'canonical' })
  assert.deepEqual([first.outcome, first.attempts], ['ok', 1])
  assert.ok(Number(first.durationMs) > 0)
  assert.deepEqual(typed(records, 'call.attempted'), [])
  assert.deepEqual(
    [failed.outcome, failed['code'], failed.errorType],
    ['rpc_error', -32000, '-32000'],
  )
  assert.equal(records.at(-1)?.type, 'audit.stopped')
  assert.deepEqual((await verify(directory)).faults, [])
})

test('a call that is under way when records are written leaves its attempt and its end, joined', async () => {
  const directory = await makeDirectory()
  const attempted = async (): Promise<AuditRecord[]> =>
    typed(await recordsIn(directory), 'call.attempted')
  const upstream = await startRawUpstream((request, reply) => {
    const onDisk = waitFor(async () => (await attempted()).length === 1, {
      within: SOON,
      what: 'the record of the attempt',
    })
    void onDisk.finally(() => answer(request, reply))
  })
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, health: { method: 'off' } } },
    config: { audit: { dir: directory, freeSpace: '0B', flushInterval: '5ms', level: 'request' } },
  })
  await (await callTool(sidecar, 'weather')).text()
  await sidecar.close()
  const records = await recordsIn(directory)
  const [attempt, end] = [one(records, 'call.attempted'), one(records, 'call.ended')]
  assert.equal(attempt.arguments?.shown, '{"city":"Paris","password":"[redacted]"}')
  assert.match(String(attempt.argumentsHash), /^[\w-]{43}$/)
  assert.deepEqual([end.call, end.outcome, end.trace], [attempt.call, 'ok', attempt.trace])
  assert.deepEqual([end.arguments, end.argumentsHash], [undefined, undefined])
  assert.ok(attempt.time <= end.time)
  assert.deepEqual((await verify(directory)).faults, [])
})

test('no secret of a call is in any file of the log, nor in the log events', async () => {
  const { directory, sidecar } = await scene({ level: 'request_response', flushInterval: '60s' })
  await (
    await callTool(sidecar, 'weather', {
      'Mcp-Session-Id': 'hidden-session',
      Authorization: 'Bearer canary-opaque-token',
      Cookie: 'canary-cookie',
    })
  ).text()
  await (await callTool(sidecar, 'fails')).text()
  await sidecar.close()
  const records = await recordsIn(directory)
  assert.equal(
    typed(records, 'call.ended')[0]?.arguments?.shown,
    '{"city":"Paris","password":"[redacted]"}',
  )
  assert.match(typed(records, 'call.ended')[0]?.result?.shown ?? '', /\[redacted\]/)
  for (const name of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue
    assert.doesNotMatch(
      await readFile(join(name.parentPath, name.name), 'utf8'),
      /canary/,
      name.name,
    )
  }
  assert.doesNotMatch(JSON.stringify(sidecar.logs), /canary|hidden-/)
})

test('levels are chosen by upstream and tool', async () => {
  const { directory, sidecar } = await scene({
    flushInterval: '60s',
    rules: [
      { tool: 'quiet*', level: 'none' },
      { tool: 'loud', level: 'request' },
    ],
  })
  for (const tool of ['quiet_one', 'loud', 'other']) await (await callTool(sidecar, tool)).text()
  await sidecar.close()
  const ends = typed(await recordsIn(directory), 'call.ended')
  assert.deepEqual(
    ends.map(({ tool, arguments: args }) => [tool, args?.shown !== undefined]),
    [
      ['loud', true],
      ['other', false],
    ],
  )
})

test('people are pseudonyms, the same for the same person, and denials name the rule', async () => {
  const issuer = await startTokenIssuer()
  const { directory, sidecar, received } = await scene(
    { flushInterval: '60s' },
    {
      auth: { mode: 'required', issuers: [{ issuer: issuer.url, audience: 'sidelight-test' }] },
      policy: { roles: { reader: { allow: ['main:weather'], deny: ['main:secret_tool'] } } },
    },
  )
  const token = await issuer.token({ claims: { sub: 'canary-alice', roles: ['reader'] } })
  const headers = { Authorization: `Bearer ${token}` }
  for (const tool of ['weather', 'weather', 'secret_tool']) {
    await (await callTool(sidecar, tool, headers)).text()
  }
  assert.equal((await callTool(sidecar, 'weather', { Authorization: 'Bearer x.y.z' })).status, 401)
  assert.equal(received(), 2)
  await sidecar.close()
  const records = await recordsIn(directory)
  assert.equal(typed(records, 'auth.succeeded').length, 1)
  const [first, second] = [one(records, 'call.ended'), one(records, 'call.ended', 1)]
  const who = whoOf(first)
  assert.match(String(who.subject), /^p_[\w-]{22}$/)
  assert.equal(who.subject, whoOf(second).subject)
  assert.deepEqual([who.issuer, who.verified], [issuer.url, true])
  const { policy, ...allowed } = { policy: '', ...first.decision }
  assert.match(policy, /^[0-9a-f]+$/)
  assert.deepEqual(allowed, { effect: 'allow', role: 'reader', rule: 'main:weather' })
  const denied = one(records, 'authz.denied')
  assert.deepEqual([denied.tool, denied.outcome], ['secret_tool', 'rejected'])
  assert.match(JSON.stringify(denied.decision), /"effect":"deny".*"rule":"main:secret_tool"/)
  assert.equal(one(records, 'auth.failed').reason, 'invalid_token')
  assert.doesNotMatch(JSON.stringify(records), /canary/)

  const flags = ['--dir', directory, '--issuer', issuer.url, '--subject', 'canary-alice']
  const found = await runSidelight(['audit', 'query', ...flags, '--tool', 'weather'])
  assert.equal(found.stdout.trim().split('\n').length, 2)
  const erased = await runSidelight(['audit', 'erase', ...flags])
  assert.match(erased.stdout, /^The key is destroyed/)
  const after = await runSidelight(['audit', 'query', ...flags])
  assert.equal(after.stdout, '')
  const verified = await runSidelight(['audit', 'verify', '--dir', directory])
  assert.equal(verified.code, 0, verified.stdout + verified.stderr)
  assert.match(verified.stdout, /\nin order\n$/)
})

test('a strict call goes out only when the record of it is on the disk', async () => {
  const { directory, sidecar, received } = await scene({ mode: 'strict' }, { rejections: 'http' })
  const held = await callTool(sidecar, 'weather')
  assert.equal(held.status, 200)
  await held.text()
  const [attempt] = typed(await recordsIn(directory), 'call.attempted')
  assert.equal(attempt?.tool, 'weather')
  assert.equal(received(), 1)
  await sidecar.close()
})

test('a strict call is refused with 503, and never sent, while nothing can be written', async () => {
  const { directory, sidecar, received } = await scene(
    { mode: 'strict', segmentAge: '1ms', rules: [{ tool: 'batch*', mode: 'batch' }] },
    { rejections: 'http' },
  )
  // The next segment cannot be begun where something else has its name.
  await mkdir(join(directory, 'audit-00000002.jsonl'))
  const refused = await callTool(sidecar, 'weather')
  assert.equal(refused.status, 503)
  assert.match(await refused.text(), /audit_unavailable/)
  assert.equal(received(), 0)
  const passed = await callTool(sidecar, 'batched')
  assert.equal(passed.status, 200)
  await passed.text()
  const failing = (await sidecar.metrics()).sum('sidelight_audit_failing', {})
  assert.equal(failing, 1)
  await rm(join(directory, 'audit-00000002.jsonl'), { recursive: true })
  await waitFor(async () => (await sidecar.metrics()).sum('sidelight_audit_failing', {}) === 0, {
    within: SOON,
    what: 'the log to work again',
  })
  assert.equal((await callTool(sidecar, 'weather')).status, 200)
  await sidecar.close()
  const tools = typed(await recordsIn(directory), 'call.ended').map(({ tool }) => tool)
  assert.deepEqual(tools, ['batched', 'weather'])
  assert.deepEqual((await verify(directory)).faults, [])
  assert.deepEqual(
    sidecar.logs
      .map(({ event }) => event)
      .filter((event) => /audit\.(?:failing|working)/.test(event)),
    ['sidelight.audit.failing', 'sidelight.audit.working'],
  )
})

test('orders and changes of breakers are recorded too', async () => {
  const { directory, sidecar } = await scene()
  const order = await fetch(`${sidecar.adminUrl}/breakers/main`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"action":"force-open","reason":"maintenance","actor":"sre","ttlSeconds":60}',
  })
  assert.equal(order.status, 200)
  await (await callTool(sidecar, 'weather')).text()
  await sidecar.close()
  const records = await recordsIn(directory)
  const [action] = typed(records, 'admin.action')
  assert.deepEqual(
    [action?.['action'], action?.upstream, action?.reason],
    ['breaker.force-open', 'main', 'maintenance'],
  )
  const [changed] = typed(records, 'breaker.changed')
  assert.deepEqual([changed?.['from'], changed?.['to']], ['closed', 'open'])
  const [refused] = typed(records, 'call.refused')
  assert.deepEqual([refused?.tool, refused?.reason], ['weather', 'breaker_open'])
})

test('the log is read a page at a time on the admin plane, which is recorded, and silences are too', async () => {
  const { directory, sidecar } = await scene({ flushInterval: '1ms' })
  for (const tool of ['a', 'b', 'c']) await (await callTool(sidecar, tool)).text()
  const api = `${sidecar.adminUrl}/api/v1`
  const ask = async (query: string): Promise<{ records: AuditRecord[]; next?: number }> => {
    const reply = await fetch(`${api}/audit/records?${query}`)
    assert.equal(reply.status, 200)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is read is asserted on
    return (await reply.json()) as { records: AuditRecord[]; next?: number }
  }
  const first = await ask('type=call.ended&limit=2')
  assert.deepEqual(
    first.records.map(({ tool }) => tool),
    ['a', 'b'],
  )
  const second = await ask(`type=call.ended&limit=2&after=${first.next}`)
  assert.deepEqual(
    second.records.map(({ tool }) => tool),
    ['c'],
  )
  assert.equal((await fetch(`${api}/audit/records?limit=1001`)).status, 400)
  const silence = await fetch(`${api}/silences`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"matchers":{"alertname":"x"},"reason":"maintenance","actor":"sre","ttlSeconds":60}',
  })
  const text = await silence.text()
  await sidecar.close()
  const records = await recordsIn(directory)
  assert.equal(typed(records, 'audit.read').length, 2)
  assert.equal(one(records, 'audit.read')['actor'], 'local')
  assert.equal(silence.status, 200, text)
  assert.equal(one(records, 'admin.action')['action'], 'silence.create')
})

test('a start without a directory that can be written to is refused, and says why', async () => {
  const directory = await makeDirectory()
  await writeFile(join(directory, 'file'), '')
  const config = join(directory, 'c.yaml')
  await writeFile(
    config,
    `upstreams: { a: { url: "http://127.0.0.1:9/mcp" } }\naudit: { dir: ${join(directory, 'file', 'x')} }\n`,
  )
  const { code, stderr } = await runSidelight([
    'run',
    '--config',
    config,
    '--listen',
    '127.0.0.1:0',
  ])
  assert.equal(code, 1)
  assert.match(
    stderr,
    /the audit log cannot be opened: .*file\/x: it cannot be written to \(ENOTDIR\); see audit\.dir/,
  )
})

test('a sidecar that is killed loses nothing that was acknowledged', async () => {
  const directory = await makeDirectory()
  const upstream = await startRawUpstream(answer)
  const config = join(directory, 'c.yaml')
  const log = join(directory, 'log')
  await writeFile(
    config,
    `upstreams: { main: { url: "${upstream.url}", health: { method: off } } }\naudit: { dir: ${log}, mode: strict, freeSpace: 0B }\n`,
  )
  const sidecar = await startSidecarProcess({ args: ['--config', config] })
  for (let i = 0; i < 5; i += 1) {
    await requestOnce(sidecar.url('main'), {
      body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t${i}"}}`,
    })
  }
  await sidecar.kill()
  const tools = typed(await recordsIn(log), 'call.attempted').map(({ tool }) => tool)
  assert.deepEqual(tools, ['t0', 't1', 't2', 't3', 't4'])
  const again = await startSidecarProcess({ args: ['--config', config] })
  assert.match(again.stderr, /sidelight\.audit\.recovered/)
  again.signal('SIGTERM')
  await again.finished(SOON)
  assert.equal(typed(await recordsIn(log), 'audit.recovered')[0]?.['end'], 'crashed')
  assert.deepEqual((await verify(log)).faults, [])
})
