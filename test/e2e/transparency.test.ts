/** What goes through is what came in: bytes, headers and statuses, in both directions. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, constants, createGzip, gzipSync } from 'node:zlib'
import { linesWithout } from '../support/http-message.ts'
import { JSON_HEADERS, RawClient, requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type RawHandler } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { waitFor, SOON } from '../support/wait-for.ts'

const NO_PROPAGATION = { telemetry: { propagateMeta: false, propagateHeaders: false } }

/** Made anew for every connection, so never the same on both sides. */
const CONNECTION_HEADERS = ['connection', 'keep-alive', 'transfer-encoding']

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}'
const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'

async function withUpstream(
  handler: RawHandler | undefined,
  config: Readonly<Record<string, unknown>>,
  work: (
    sidecar: TestSidecar,
    upstream: Awaited<ReturnType<typeof startRawUpstream>>,
  ) => Promise<void>,
  upstreamConfig: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const upstream = await startRawUpstream(handler)
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, ...upstreamConfig } },
    config,
  })
  await work(sidecar, upstream)
}

test('request headers keep their spelling, order, duplicates and bytes; only those of the connection go', async () => {
  await withUpstream(undefined, NO_PROPAGATION, async (sidecar, upstream) => {
    const kept = [
      'CoNtEnT-tYpE: application/json',
      'accept: application/json, text/event-stream',
      'MCP-Protocol-Version: 2025-11-25',
      'Mcp-Session-Id: s-1',
      'mcp-method: tools/call',
      'MCP-NAME: t',
      'Mcp-Param-Region: =?base64?w6k=?=',
      'Last-Event-ID: e-7',
      'X-Twice: one',
      'x-between: 1',
      'X-Twice: two',
      'x-empty:',
      'X-Latin: caf\u00e9',
      'Authorization: Bearer abc.def',
      'DPoP: proof',
      'Cookie: a=1; b=2',
      'baggage: k=v',
      'Accept-Encoding: gzip, deflate',
      'Forwarded: for=1.2.3.4',
    ]
    await requestOnce(sidecar.url('main'), {
      headers: [
        ...kept.slice(0, 5),
        'Connection: keep-alive, X-Hop',
        'X-Hop: gone',
        'Keep-Alive: timeout=5',
        'TE: trailers',
        'Proxy-Authorization: Basic c2VjcmV0',
        ...kept.slice(5),
      ],
      body: CALL,
    })
    const request = await upstream.request()
    assert.equal(request.startLine, 'POST /mcp HTTP/1.1')
    assert.deepEqual(
      linesWithout(request.rawHeaders, ['host', 'content-length', 'connection']),
      kept.map((line) => (line === 'x-empty:' ? 'x-empty: ' : line)),
    )
    assert.deepEqual(request.values('content-length'), [String(CALL.length)])
  })
})

const ODD_BODIES: readonly (readonly [string, string])[] = [
  [
    'numbers',
    '{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"t","arguments":{"a":1.0,"b":1e2,"c":12345678901234567890,"d":-0,"e":1E-7}}}',
  ],
  [
    'duplicate keys',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","x":1,"x":2}}',
  ],
  [
    'extra members',
    '{"a":[],"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"k":{"deep":[1]}}},"z":null}',
  ],
  [
    'white space',
    ' \r\n\t{ "jsonrpc" : "2.0" ,\n "id" : 1 , "method" : "tools/call" , "params" : { "name" : "t" } } \n',
  ],
  [
    'escapes',
    '{"jsonrpc":"2.0","id":1,"method":"tools\\/call","params":{"name":"\\u0074","arguments":{"s":"\\ud83d\\ude00 \\u00e9 é 😀 \\/"}}}',
  ],
  ['id 0', '{"jsonrpc":"2.0","id":0,"method":"ping"}'],
  ['id ""', '{"jsonrpc":"2.0","id":"","method":"ping"}'],
  ['id "1"', '{"jsonrpc":"2.0","id":"1","method":"ping"}'],
  ['id beyond 2^53', '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}'],
  ['an unknown method', '{"jsonrpc":"2.0","id":1,"method":"vendor/thing","params":{"name":7}}'],
  ['an unknown notification', '{"jsonrpc":"2.0","method":"notifications/vendor"}'],
  ['a response', '{"jsonrpc":"2.0","id":7,"result":{"action":"accept"}}'],
  ['an error response', '{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"user rejected"}}'],
  ['an empty cursor', '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":""}}'],
]

for (const [what, body] of ODD_BODIES) {
  test(`a body with ${what} arrives byte for byte when propagation is off`, async () => {
    await withUpstream(undefined, NO_PROPAGATION, async (sidecar, upstream) => {
      await requestOnce(sidecar.url('main'), { body: Buffer.from(body) })
      const request = await upstream.request()
      assert.equal(request.body.toString(), body)
    })
  })
}

test('a body that is no UTF-8 is refused, because two parsers may read two texts in it', async () => {
  await withUpstream(
    (_request, reply) => reply.send({ body: RESULT }),
    NO_PROPAGATION,
    async (sidecar, upstream) => {
      const body = Buffer.from(CALL.replace('"t"', '"\u00ff\u00fe"'), 'latin1')
      const response = await requestOnce(sidecar.url('main'), { body })
      assert.equal(response.startLine, 'HTTP/1.1 400 Bad Request')
      assert.equal(upstream.requests.length, 0)
    },
  )
})

test('with propagation on, the trace context is the only difference in the body', async () => {
  await withUpstream(undefined, {}, async (sidecar, upstream) => {
    for (const [index, [, body]] of ODD_BODIES.entries()) {
      await requestOnce(sidecar.url('main'), { body: Buffer.from(body) })
      const arrived = (await upstream.request(index)).body.toString()
      const isResponse = body.includes('"result"') || body.includes('"error"')
      if (isResponse) {
        assert.equal(arrived, body)
        continue
      }
      const member = /"traceparent":"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]"/
      assert.match(arrived, member, body)
      // Taken out again in any of the forms in which it can be put in, the original is left.
      const without = arrived
        .replace(/"params":\{"_meta":\{"traceparent":"[^"]*"\}\},/, '')
        .replace(/"_meta":\{"traceparent":"[^"]*"\},?/, '')
        .replace(/"traceparent":"[^"]*",?/, '')
      assert.equal(without, body)
    }
  })
})

test('a signed message is not changed', async () => {
  for (const header of ['Content-Digest: sha-256=:x:', 'Signature: sig1=:x:']) {
    await withUpstream(undefined, {}, async (sidecar, upstream) => {
      await requestOnce(sidecar.url('main'), { headers: [...JSON_HEADERS, header], body: CALL })
      assert.equal((await upstream.request()).body.toString(), CALL)
    })
  }
})

test('status, reason, headers and body of a response arrive as they were sent', async () => {
  const headers = [
    'content-TYPE: application/json; charset=utf-8',
    'Mcp-Session-Id: 7f3c',
    'Set-Cookie: a=1; Path=/',
    'X-Twice: one',
    'Set-Cookie: b=2; HttpOnly',
    'X-Twice: two',
    'Date: Tue, 24 Nov 2026 10:00:00 GMT',
    'Server: odd/1.0',
    'X-Latin: caf\u00e9',
    'X-Empty:',
    'Cache-Control: no-store',
  ]
  const body = ` {"jsonrpc":"2.0","id":1,"result":{"n":1.0,"big":12345678901234567890,"k":1,"k":2}}\n`
  await withUpstream(
    (_request, reply) =>
      reply.send({
        status: '200 Quite Fine',
        headers: [...headers, 'Connection: X-Hop', 'X-Hop: 1', 'Keep-Alive: timeout=9'],
        body,
      }),
    {},
    async (sidecar) => {
      const response = await requestOnce(sidecar.url('main'), { body: CALL })
      assert.equal(response.startLine, 'HTTP/1.1 200 Quite Fine')
      assert.deepEqual(linesWithout(response.rawHeaders, CONNECTION_HEADERS), [
        ...headers.map((line) => (line === 'X-Empty:' ? 'X-Empty: ' : line)),
        `Content-Length: ${body.length}`,
      ])
      assert.equal(response.body.toString(), body)
      assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'ok' })
    },
  )
})

/** Reason phrases as sent, and the status line that the client may get for them. */
const REASONS: readonly (readonly [string, string | undefined])[] = [
  ['200', 'HTTP/1.1 200 '],
  ['200 two  words', 'HTTP/1.1 200 two  words'],
  ['200 caf\u00c3\u00a9', undefined],
  ['200 caf\u00e9', undefined],
  ['200 tab\there', undefined],
  ['200 bell\u0007', undefined],
]

for (const [sent, expected] of REASONS) {
  test(`the reason phrase ${JSON.stringify(sent.slice(4))} does not cost the reply`, async () => {
    await withUpstream(
      (_request, reply) => reply.send({ status: sent, body: RESULT }),
      {},
      async (sidecar) => {
        const response = await requestOnce(sidecar.url('main'), { body: CALL })
        assert.equal(response.status, 200)
        if (expected !== undefined) assert.equal(response.startLine, expected)
        assert.equal(response.body.toString(), RESULT)
      },
    )
  })
}

const PASSED_STATUSES: readonly (readonly [string, readonly string[], string])[] = [
  [
    '401 Unauthorized',
    [
      'WWW-Authenticate: Bearer resource_metadata="https://a.example/.well-known/oauth-protected-resource", scope="a b"',
      'WWW-Authenticate: DPoP algs="ES256"',
      'Content-Type: text/plain',
    ],
    'who are you?',
  ],
  [
    '403 Forbidden',
    [
      'WWW-Authenticate: Bearer error="insufficient_scope", scope="x"',
      'Content-Type: application/json',
    ],
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no"}}',
  ],
  [
    '404 Not Found',
    ['Content-Type: application/json'],
    '{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"Session not found"}}',
  ],
  ['405 Method Not Allowed', ['Allow: POST', 'Content-Type: text/plain'], 'Method Not Allowed'],
  [
    '400 Bad Request',
    ['Content-Type: application/json'],
    '{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"Unsupported protocol version","data":{"supported":["2025-11-25"]}}}',
  ],
  ['302 Found', ['Location: https://elsewhere.example/mcp'], ''],
  ['429 Too Many Requests', ['Retry-After: 7', 'Content-Type: text/html'], '<p>slow down</p>'],
  ['500 Internal Server Error', ['Content-Type: text/plain'], 'oops \u00e9'],
  [
    '503 Service Unavailable',
    ['Content-Type: application/json', 'Retry-After: 3'],
    '{"error":"maintenance"}',
  ],
]

for (const [status, headers, body] of PASSED_STATUSES) {
  // A challenge that names metadata is another one under an address of ours: see below.
  const placements = status.startsWith('401') ? ['preserve'] : ['preserve', 'upstream']
  for (const host of placements) {
    test(`the upstream's ${status} arrives verbatim with host: ${host}`, async () => {
      await arrivesVerbatim(status, headers, body, host)
    })
  }
}

async function arrivesVerbatim(
  status: string,
  headers: readonly string[],
  body: string,
  host: string,
): Promise<void> {
  const bytes = Buffer.from(body, 'latin1')
  await withUpstream(
    (_request, reply) => reply.send({ status, headers, body: bytes }),
    {},
    async (sidecar) => {
      const response = await requestOnce(sidecar.url('main'), { body: CALL })
      assert.equal(response.startLine, `HTTP/1.1 ${status}`)
      assert.deepEqual(linesWithout(response.rawHeaders, CONNECTION_HEADERS), [
        ...headers,
        `Content-Length: ${bytes.length}`,
      ])
      assert.deepEqual(response.body, bytes)
    },
    { host },
  )
}

test('a challenge names our metadata under an address of ours, and nothing else in it changes', async () => {
  const challenge =
    'Bearer realm="r", resource_metadata="https://a.example/.well-known/oauth-protected-resource", scope="a b"'
  await withUpstream(
    (_request, reply) =>
      reply.send({
        status: '401 Unauthorized',
        headers: [`WWW-Authenticate: ${challenge}`],
        body: 'no',
      }),
    { listen: { publicUrl: 'https://mcp.example' } },
    async (sidecar) => {
      const response = await requestOnce(sidecar.url('main'), { body: CALL })
      assert.equal(response.status, 401)
      assert.deepEqual(response.values('www-authenticate'), [
        'Bearer realm="r", resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/main/mcp", scope="a b"',
      ])
      assert.equal(response.body.toString(), 'no')
    },
  )
})

test('statuses without an answer say what they are', async () => {
  const expected: Readonly<Record<string, unknown>> = {
    '401 Unauthorized': { kind: 'upstream_status', status: 401 },
    '404 Not Found': { kind: 'rpc_error', code: -32001, message: 'Session not found' },
    '400 Bad Request': { kind: 'rpc_error', code: -32022, message: 'Unsupported protocol version' },
    '500 Internal Server Error': {
      kind: 'upstream_failed',
      reason: 'http_5xx',
      sent: true,
      status: 500,
    },
    '503 Service Unavailable': {
      kind: 'upstream_failed',
      reason: 'http_5xx',
      sent: true,
      status: 503,
    },
  }
  for (const [status, headers, body] of PASSED_STATUSES) {
    const outcome = expected[status]
    if (outcome === undefined) continue
    await withUpstream(
      (_request, reply) => reply.send({ status, headers, body }),
      {},
      async (sidecar) => {
        await requestOnce(sidecar.url('main'), { body: CALL })
        assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), outcome, status)
      },
    )
  }
})

/** Bodies as compressed by real servers, with how each is cut. */
const COMPRESSED: readonly (readonly [string, Buffer])[] = [
  ['gzip', gzipSync('{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[]}}')],
  ['br', brotliCompressSync('{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[]}}')],
]

for (const [coding, bytes] of COMPRESSED) {
  test(`a ${coding} body passes untouched and its outcome is still read`, async () => {
    await withUpstream(
      (_request, reply) =>
        reply.send({
          headers: ['Content-Type: application/json', `Content-Encoding: ${coding}`],
          body: bytes,
        }),
      {},
      async (sidecar) => {
        const response = await requestOnce(sidecar.url('main'), { body: CALL })
        assert.deepEqual(response.values('content-encoding'), [coding])
        assert.deepEqual(response.body, bytes)
        assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'tool_error' })
      },
    )
  })
}

test('a gzip event stream passes untouched, event by event, and its outcome is still read', async () => {
  const gzip = createGzip()
  const pieces: Buffer[] = []
  gzip.on('data', (chunk: Buffer) => pieces.push(chunk))
  const flush = (text: string): Promise<Buffer> =>
    new Promise((resolve) => {
      gzip.write(text)
      gzip.flush(constants.Z_SYNC_FLUSH, () =>
        setImmediate(() => resolve(Buffer.concat(pieces.splice(0)))),
      )
    })
  const first = await flush('data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n')
  const second = await flush(
    'data: {"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x"}}\n\n',
  )
  gzip.destroy()
  await withUpstream(
    (_request, reply) => {
      reply.stream(['Content-Encoding: gzip'])
      reply.chunk(first)
    },
    {},
    async (sidecar, upstream) => {
      const client = await RawClient.open(sidecar.dataUrl)
      client.send({ path: '/main/mcp', body: CALL })
      await client.head()
      await client.until(first)
      upstream.sockets
        .values()
        .next()
        .value?.write(
          Buffer.concat([
            Buffer.from(`${second.length.toString(16)}\r\n`),
            second,
            Buffer.from('\r\n0\r\n\r\n'),
          ]),
        )
      await client.until('\r\n0\r\n\r\n')
      assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), {
        kind: 'rpc_error',
        code: -32603,
        message: 'x',
      })
    },
  )
})

test('a body in chunks arrives whole', async () => {
  await withUpstream(undefined, NO_PROPAGATION, async (sidecar, upstream) => {
    const client = await RawClient.open(sidecar.dataUrl)
    client.write(
      `POST /main/mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS.join('\r\n')}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    const half = Math.floor(CALL.length / 2)
    for (const piece of [CALL.slice(0, half), CALL.slice(half)]) {
      client.write(`${piece.length.toString(16)};ext=1\r\n${piece}\r\n`)
    }
    client.write('0\r\nX-Trailer: 1\r\n\r\n')
    assert.equal((await client.response()).status, 200)
    assert.equal((await upstream.request()).body.toString(), CALL)
  })
})

test('Expect: 100-continue is answered before the body is sent', async () => {
  await withUpstream(undefined, NO_PROPAGATION, async (sidecar, upstream) => {
    const client = await RawClient.open(sidecar.dataUrl)
    client.write(
      `POST /main/mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS.join('\r\n')}\r\nExpect: 100-continue\r\nContent-Length: ${CALL.length}\r\n\r\n`,
    )
    assert.match((await client.head()).startLine, /^HTTP\/1\.1 100 /)
    client.write(CALL)
    assert.equal((await client.response()).status, 200)
    const request = await upstream.request()
    assert.equal(request.body.toString(), CALL)
    assert.deepEqual(request.values('expect'), [])
  })
})

test("the upstream's informational responses do not disturb the final one", async () => {
  await withUpstream(
    (_request, reply) => {
      reply.raw('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n')
      reply.send({ body: RESULT })
    },
    {},
    async (sidecar) => {
      assert.equal((await requestOnce(sidecar.url('main'), { body: CALL })).body.toString(), RESULT)
    },
  )
})

test('202 without a body answers a notification, and the connection can be used again', async () => {
  await withUpstream(undefined, {}, async (sidecar) => {
    const client = await RawClient.open(sidecar.dataUrl)
    for (let i = 0; i < 3; i += 1) {
      client.send({
        path: '/main/mcp',
        body: '{"jsonrpc":"2.0","method":"notifications/initialized"}',
      })
      const response = await client.response()
      assert.equal(response.startLine, 'HTTP/1.1 202 Accepted')
      assert.deepEqual(response.values('content-length'), ['0'])
      assert.equal(response.body.length, 0)
    }
    assert.deepEqual(await sidecar.recorder.outcomeOf('notifications/initialized'), { kind: 'ok' })
  })
})

test('204 and an empty chunked body pass', async () => {
  for (const bytes of [
    'HTTP/1.1 204 No Content\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ]) {
    await withUpstream(
      (_request, reply) => reply.raw(bytes),
      {},
      async (sidecar) => {
        const response = await requestOnce(sidecar.url('main'), {
          method: 'DELETE',
          headers: ['Mcp-Session-Id: s'],
        })
        assert.equal(response.status, Number(bytes.slice(9, 12)))
        assert.equal(response.body.length, 0)
        assert.deepEqual(await sidecar.recorder.exchangeOutcome('end_session'), { kind: 'ok' })
      },
    )
  }
})

test('HEAD, OPTIONS, GET and DELETE reach the upstream as they are', async () => {
  await withUpstream(
    (request, reply) => {
      if (request.method === 'HEAD') reply.raw('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n')
      else reply.send({ status: '405 Method Not Allowed', headers: ['Allow: POST, OPTIONS'] })
    },
    {},
    async (sidecar, upstream) => {
      for (const [index, method] of ['HEAD', 'OPTIONS', 'GET', 'DELETE'].entries()) {
        const response = await requestOnce(sidecar.url('main'), { method, headers: ['X-A: 1'] })
        assert.equal((await upstream.request(index)).method, method)
        if (method === 'HEAD') assert.deepEqual(response.values('content-length'), ['1234'])
        else assert.deepEqual(response.values('allow'), ['POST, OPTIONS'])
      }
    },
  )
})

test("the query is kept, after the upstream's own", async () => {
  await withUpstream(undefined, {}, async (sidecar, upstream) => {
    await requestOnce(`${sidecar.url('main')}?a=1&b=%20%2F&c=%C3%A9&d`, { body: CALL })
    assert.equal((await upstream.request()).target, '/mcp?a=1&b=%20%2F&c=%C3%A9&d')
  })
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({ upstreams: { main: `${upstream.url}?key=k%2F1` } })
  await requestOnce(`${sidecar.url('main')}?a=1`, { body: CALL })
  await requestOnce(sidecar.url('main'), { body: CALL })
  assert.equal((await upstream.request(0)).target, '/mcp?key=k%2F1&a=1')
  assert.equal((await upstream.request(1)).target, '/mcp?key=k%2F1')
})

test('Host names the upstream, or stays what the client sent', async () => {
  await withUpstream(undefined, {}, async (sidecar, upstream) => {
    await requestOnce(sidecar.url('main'), { body: CALL, host: 'localhost:1234' })
    assert.deepEqual((await upstream.request()).values('host'), [`127.0.0.1:${upstream.port}`])
  })
  await withUpstream(
    undefined,
    {},
    async (sidecar, upstream) => {
      await requestOnce(sidecar.url('main'), { body: CALL, host: 'localhost:1234' })
      assert.deepEqual((await upstream.request()).values('host'), ['localhost:1234'])
    },
    { host: 'preserve' },
  )
})

test("the operator's headers replace the client's", async () => {
  await withUpstream(
    undefined,
    {},
    async (sidecar, upstream) => {
      await requestOnce(sidecar.url('main'), {
        headers: [...JSON_HEADERS, 'AUTHORIZATION: Bearer client', 'authorization: Bearer again'],
        body: CALL,
      })
      assert.deepEqual((await upstream.request()).values('authorization'), ['Bearer operator'])
    },
    { headers: { Authorization: 'Bearer operator' } },
  )
})

test('pipelined requests are answered in order', async () => {
  const waiting: (() => void)[] = []
  await withUpstream(
    (request, reply) => {
      const answer = (): void => reply.result({ content: [], n: request.json()['id'] })
      if (request.json()['id'] === 1) waiting.push(answer)
      else answer()
    },
    {},
    async (sidecar, upstream) => {
      const client = await RawClient.open(sidecar.dataUrl)
      for (const id of [1, 2]) {
        client.send({ path: '/main/mcp', body: CALL.replace('"id":1', `"id":${id}`) })
      }
      await upstream.request(1)
      waiting[0]?.()
      for (const id of [1, 2]) {
        const response = await client.response()
        assert.deepEqual(response.json(), { jsonrpc: '2.0', id, result: { content: [], n: id } })
      }
    },
  )
})

test('what comes of a reply in the piece in which it breaks arrives before the connection ends', async () => {
  const broken = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n'
  await withUpstream(
    (_request, reply) => reply.raw(broken),
    {},
    async (sidecar) => {
      // Read by ourselves, and by Node.
      for (const headers of [JSON_HEADERS, [...JSON_HEADERS, 'TE: trailers']]) {
        const client = await RawClient.open(sidecar.dataUrl)
        client.send({ path: '/main/mcp', body: CALL, headers })
        assert.match((await client.until('2\r\nhi\r\n')).toString(), /^HTTP\/1\.1 200 OK\r\n/)
        await client.gone()
      }
    },
  )
})

test('a pipelined reply that breaks off before its turn ends the connection after the reply before it', async () => {
  const waiting: (() => void)[] = []
  await withUpstream(
    (request, reply) => {
      if (request.json()['id'] === 1) return void waiting.push(() => reply.result({ content: [] }))
      reply.raw('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"jsonrpc"')
      reply.socket.end()
    },
    {},
    async (sidecar) => {
      const client = await RawClient.open(sidecar.dataUrl)
      const second = CALL.replace('"id":1', '"id":2')
      for (const body of [CALL, second]) client.send({ path: '/main/mcp', body })
      const { recorder } = sidecar
      await waitFor(
        () => recorder.calls.some(({ outcome }) => outcome?.kind === 'upstream_failed'),
        {
          within: SOON,
          what: 'the second reply to break off',
        },
      )
      waiting[0]?.()
      assert.equal((await client.response()).body.toString(), RESULT)
      await client.gone()
    },
  )
})

test('one upstream is also reached under /mcp, and under the path that its owner chose', async () => {
  await withUpstream(
    undefined,
    {},
    async (sidecar, upstream) => {
      for (const path of ['/mcp', '/main/mcp', '/tools/v1']) {
        const response = await requestOnce(sidecar.dataUrl + path, { path, body: CALL })
        assert.equal(response.status, 200, path)
      }
      await waitFor(() => upstream.requests.length === 3, { within: SOON, what: 'three requests' })
      const response = await requestOnce(sidecar.dataUrl, { path: '/elsewhere', body: CALL })
      assert.equal(response.status, 404)
      assert.match(response.body.toString(), /Endpoints: .*\/main\/mcp/)
    },
    { path: '/tools/v1' },
  )
})
