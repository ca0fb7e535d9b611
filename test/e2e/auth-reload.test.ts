/** Authentication that changes while requests pass. */

import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { JSON_HEADERS, requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type RawUpstream } from '../support/raw-upstream.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts'
import { SOON, bounded, waitFor } from '../support/wait-for.ts'

const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'

const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}'

function authOf(issuers: readonly TokenIssuer[], more: object = {}, audience = 'sidelight-test') {
  return {
    auth: {
      mode: 'required',
      issuers: issuers.map(({ url }) => ({ issuer: url, audience })),
      ...more,
    },
  }
}

async function status(
  sidecar: TestSidecar,
  token?: string,
  { body = LIST, session }: { readonly body?: string; readonly session?: string } = {},
): Promise<number> {
  const headers = [
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...(session === undefined ? [] : [`Mcp-Session-Id: ${session}`]),
  ]
  const request = { headers: [...JSON_HEADERS, ...headers], body }
  return (await requestOnce(sidecar.url('main'), request)).status
}

/** Answers calls; a GET opens a stream on which `send` writes. */
async function startUpstream(): Promise<{ upstream: RawUpstream; send: (data: string) => void }> {
  let send: (data: string) => void = () => {}
  const upstream = await startRawUpstream((request, reply) => {
    if (request.body.includes('"initialize"')) {
      const headers = ['Content-Type: application/json', 'Mcp-Session-Id: session-of-alice']
      return reply.send({ headers, body: '{"jsonrpc":"2.0","id":1,"result":{}}' })
    }
    if (request.method !== 'GET') return reply.result({ tools: [] })
    reply.stream()
    send = (data) =>
      reply.event({ jsonrpc: '2.0', method: 'notifications/message', params: { data } })
    send('one')
  })
  return { upstream, send: (data) => send(data) }
}

test('issuers come, change and go, while keys and open streams of those that stay are kept', async () => {
  const [first, second] = [await startTokenIssuer(), await startTokenIssuer()]
  const { upstream, send } = await startUpstream()
  const upstreams = { main: upstream.url }
  const sidecar = await startTestSidecar({ upstreams, config: authOf([first]) })
  const [ofFirst, ofSecond] = [await first.token(), await second.token()]
  assert.deepEqual([await status(sidecar, ofFirst), await status(sidecar, ofSecond)], [200, 401])
  const stream = await fetch(sidecar.url('main'), {
    headers: {
      accept: 'text/event-stream',
      'mcp-session-id': 's',
      authorization: `Bearer ${ofFirst}`,
    },
  })
  const reader = stream.body?.getReader()
  assert.ok(reader !== undefined)
  const decoder = new TextDecoder()
  assert.match(decoder.decode((await reader.read()).value), /"one"/)

  const asked = first.asked.length
  const added = sidecar.reload({ upstreams, config: authOf([first, second]) })
  assert.deepEqual(added, {
    result: 'applied',
    change: { added: [], removed: [], changed: [], live: ['auth.issuers'], needRestart: [] },
  })
  assert.deepEqual([await status(sidecar, ofFirst), await status(sidecar, ofSecond)], [200, 200])
  assert.equal(first.asked.length, asked, 'keys that are known are not asked for again')
  send('two')
  assert.match(decoder.decode((await reader.read()).value), /"two"/)

  sidecar.reload({ upstreams, config: authOf([first, second], {}, 'another') })
  assert.deepEqual([await status(sidecar, ofFirst), await status(sidecar, ofSecond)], [401, 401])
  sidecar.reload({ upstreams, config: authOf([second]) })
  assert.deepEqual([await status(sidecar, ofFirst), await status(sidecar, ofSecond)], [401, 200])
  send('three')
  assert.match(decoder.decode((await reader.read()).value), /"three"/)
  await reader.cancel()
  const metrics = await sidecar.metrics()
  assert.ok(
    metrics.sum('sidelight_auth_keys_reads_total', { sidelight_auth_issuer: second.url }) > 0,
  )
})

test('a session stays whose it is', async () => {
  const [first, second] = [await startTokenIssuer(), await startTokenIssuer()]
  const { upstream } = await startUpstream()
  const upstreams = { main: upstream.url }
  const sidecar = await startTestSidecar({ upstreams, config: authOf([first]) })
  const [alice, mallory] = [await first.token(), await first.token({ claims: { sub: 'mallory' } })]
  assert.equal(await status(sidecar, alice, { body: INITIALIZE }), 200)
  const session = 'session-of-alice'
  const both = async (): Promise<readonly number[]> => [
    await status(sidecar, alice, { session }),
    await status(sidecar, mallory, { session }),
  ]
  assert.deepEqual(await both(), [200, 404])
  assert.equal(sidecar.reload({ upstreams, config: authOf([second, first]) }).result, 'applied')
  assert.deepEqual(await both(), [200, 404])
})

test('authentication is switched on and off again', async () => {
  const issuer = await startTokenIssuer()
  const { upstream } = await startUpstream()
  const upstreams = { main: upstream.url }
  const sidecar = await startTestSidecar({ upstreams })
  const token = await issuer.token()
  assert.equal(await status(sidecar), 200)
  sidecar.reload({ upstreams, config: authOf([issuer]) })
  assert.deepEqual([await status(sidecar), await status(sidecar, token)], [401, 200])
  sidecar.reload({ upstreams })
  assert.equal(await status(sidecar), 200)
})

test('a token that is for the sidecar goes no further, also when it is asked for by a reload', async () => {
  const issuer = await startTokenIssuer()
  const { upstream } = await startUpstream()
  const upstreams = { main: upstream.url }
  const sidecar = await startTestSidecar({ upstreams })
  const token = await issuer.token()
  const passed = async (): Promise<boolean> => {
    assert.equal(await status(sidecar, token), 200)
    return upstream.requests.at(-1)?.rawHeaders.includes(`Bearer ${token}`) === true
  }
  assert.equal(await passed(), true)
  sidecar.reload({ upstreams, config: authOf([issuer]) })
  assert.equal(await passed(), false)
  sidecar.reload({ upstreams })
  assert.equal(await passed(), true)
})

test('what cannot be put in force changes nothing, on neither plane', async () => {
  const [first, second] = [await startTokenIssuer(), await startTokenIssuer()]
  const { upstream } = await startUpstream()
  const upstreams = { main: upstream.url }
  const sidecar = await startTestSidecar({ upstreams, config: authOf([first]) })
  const [ofFirst, ofSecond] = [await first.token(), await second.token()]
  const wrong: readonly object[] = [
    { revocations: '/nonexistent/revoked.json' },
    { admin: { tokens: [{ name: 'a', file: '/nonexistent/token', permissions: ['read'] }] } },
  ]
  for (const more of wrong) {
    const { result } = sidecar.reload({ upstreams, config: authOf([second], more) })
    assert.equal(result, 'invalid')
    assert.deepEqual([await status(sidecar, ofFirst), await status(sidecar, ofSecond)], [200, 401])
    assert.equal((await fetch(`${sidecar.adminUrl}/api/v1/build`)).status, 200)
  }
})

test('an address that waits for a restart is not opened to everybody before it', async () => {
  const issuer = await startTokenIssuer()
  const { upstream } = await startUpstream()
  const upstreams = { main: upstream.url }
  const listen = { data: '0.0.0.0:0' }
  const sidecar = await startTestSidecar({ upstreams, config: { listen, ...authOf([issuer]) } })
  const report = sidecar.reload({ upstreams, config: { listen: { data: '127.0.0.1:0' } } })
  assert.ok(report.result === 'invalid')
  assert.equal(report.problems[0]?.path, 'listen.data')
  assert.equal(await status(sidecar), 401)
})

test('tokens of the admin plane are followed', async () => {
  const directory = await temporaryDirectory()
  const file = (name: string): string => join(directory, name)
  await writeFile(file('a'), 'canary-token-of-a-0123456789')
  await writeFile(file('b'), 'canary-token-of-b-0123456789')
  const { upstream } = await startUpstream()
  const upstreams = { main: upstream.url }
  const tokensOf = (name: string, open: readonly string[]) => ({
    auth: { admin: { open, tokens: [{ name, file: file(name), permissions: ['read'] }] } },
  })
  const sidecar = await startTestSidecar({ upstreams, config: tokensOf('a', ['health']) })
  const admin = async (path: string, name: string): Promise<number> => {
    const authorization = `Bearer canary-token-of-${name}-0123456789`
    const reply = await fetch(sidecar.adminUrl + path, { headers: { authorization } })
    await reply.arrayBuffer()
    return reply.status
  }
  const both = async (): Promise<readonly number[]> => [
    await admin('/api/v1/build', 'a'),
    await admin('/api/v1/build', 'b'),
  ]
  assert.deepEqual(await both(), [200, 401])
  assert.equal((await fetch(`${sidecar.adminUrl}/livez`)).status, 200)
  const events = await fetch(`${sidecar.adminUrl}/api/v1/events`, {
    headers: { authorization: 'Bearer canary-token-of-a-0123456789' },
  })
  assert.equal(events.status, 200)
  await rm(file('a'))
  sidecar.reload({ upstreams, config: tokensOf('b', []) })
  assert.deepEqual(await both(), [401, 200])
  assert.equal((await fetch(`${sidecar.adminUrl}/livez`)).status, 401)
  // What a token opened ends with it; otherwise this would never be whole.
  await bounded(events.arrayBuffer(), { within: SOON, what: 'the end of the event stream' })
  // What is not about them is not kept waiting by a file that is away.
  await rm(file('b'))
  const others = { ...tokensOf('b', []), rejections: 'http' }
  assert.equal(sidecar.reload({ upstreams, config: others }).result, 'applied')
})

test('a key set that is empty makes the sidecar not ready, and is warned of', async () => {
  const issuer = await startTokenIssuer()
  issuer.published = []
  const { upstream } = await startUpstream()
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    config: authOf([issuer]),
  })
  await waitFor(
    () => sidecar.logs.some(({ event }) => event === 'sidelight.auth.keys_unavailable'),
    {
      within: SOON,
      what: 'a warning',
    },
  )
  const ready = await fetch(`${sidecar.adminUrl}/readyz`)
  assert.equal(ready.status, 503)
  assert.match(await ready.text(), /"status":"not_ready","keys":"none"/)
  const verbose = await (await fetch(`${sidecar.adminUrl}/readyz?verbose`)).text()
  assert.match(verbose, /^\[-\]keys of no issuer are known$/m)
  assert.equal(await status(sidecar, await issuer.token()), 401)
  const [warned] = sidecar.logs.filter(({ level }) => level === 'warn')
  assert.equal(
    warned?.body,
    'The key set of an issuer holds no key that can be used; none of its tokens is accepted',
  )
  assert.equal(warned.fields['sidelight.auth.keys.outcome'], 'empty')
})
