import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Outcome } from '../../src/core/outcome.ts'
import { ReplyScanners } from '../../src/mcp/reply-scanners.ts'
import { watchReply } from '../../src/mcp/reply-watch.ts'
import {
  failure,
  MODERN_PARAMS,
  notification,
  readEnvelope,
  readMessages,
  request,
  result,
} from './messages.ts'

interface Reply {
  readonly status?: number
  readonly type?: string | undefined
  readonly body: string | Buffer
  readonly cuts?: readonly number[]
  /** False when the body broke off: `end` is never told. */
  readonly ends?: boolean
}

/** What was told, in order: `[index, outcome]`. */
type Told = [index: number, outcome: Outcome | 'suspended'][]

/** The same for all of them, as in a sidecar: each reply is read by what read others before. */
const scanners = new ReplyScanners()

function watch(sent: unknown, reply: Reply): Told {
  const told: Told = []
  const type = 'type' in reply ? reply.type : 'application/json'
  const head = { status: reply.status ?? 200, contentType: type }
  const watcher = watchReply(
    head,
    readMessages(sent),
    (index, outcome) => told.push([index, outcome]),
    undefined,
    undefined,
    scanners,
  )
  const bytes = Buffer.from(reply.body)
  let at = 0
  for (const size of reply.cuts ?? []) {
    watcher.write(Buffer.from(bytes.subarray(at, at + size)))
    at += size
  }
  watcher.write(bytes.subarray(at))
  if (reply.ends !== false) watcher.end()
  watcher.drop()
  return told
}

/** The outcome of one call answered with a JSON body. */
function outcomeOf(sent: unknown, body: unknown, status = 200): Outcome | 'suspended' {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return only(watch(sent, { status, body: text }))
}

function only(told: Told): Outcome | 'suspended' {
  assert.equal(told.length, 1, `told ${JSON.stringify(told)}`)
  const [first] = told
  assert.ok(first)
  assert.equal(first[0], 0)
  return first[1]
}

const STREAM = 'text/event-stream'
const event = (data: unknown, before = ''): string =>
  `${before}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`

/** The outcome of one call answered with an event stream. */
function streamed(sent: unknown, ...events: readonly string[]): unknown {
  return only(watch(sent, { type: STREAM, body: events.join('') }))
}

const CALL = request(1, 'tools/call', { name: 'add' })
const MODERN_CALL = request(1, 'tools/call', { name: 'add', ...MODERN_PARAMS })
const LIST = request(1, 'tools/list')
const OK = { kind: 'ok' }
const CLOSED = { kind: 'upstream_failed', reason: 'closed', sent: true }
const BAD_MESSAGE = { kind: 'upstream_failed', reason: 'bad_message', sent: true }
const failedWith = (status: number): object => ({
  kind: 'upstream_failed',
  reason: 'http_5xx',
  sent: true,
  status,
})

describe('A JSON reply', () => {
  it('with a result is ok', () => {
    assert.deepEqual(outcomeOf(CALL, result(1, { content: [] })), OK)
    assert.deepEqual(outcomeOf(CALL, result(1, { isError: false })), OK)
    assert.deepEqual(outcomeOf(CALL, '{"id":1,"result":"text"}'), OK)
    assert.deepEqual(outcomeOf(CALL, '{"id":1,"result":null}'), OK)
  })

  it('is a tool error when a tool call has isError true, and for no other method', () => {
    assert.deepEqual(outcomeOf(CALL, result(1, { isError: true })), { kind: 'tool_error' })
    assert.deepEqual(outcomeOf(LIST, result(1, { isError: true })), OK)
    for (const isError of ['true', 1, null, {}]) {
      assert.deepEqual(outcomeOf(CALL, result(1, { isError })), OK)
    }
    assert.deepEqual(outcomeOf(CALL, result(1, { content: [{ isError: true }] })), OK)
  })

  it('takes the last isError, as the common parsers do', () => {
    const body = '{"id":1,"result":{"isError":true,"isError":false}}'
    assert.deepEqual(outcomeOf(CALL, body), OK)
    const replaced = '{"id":1,"result":{"isError":true},"result":{}}'
    assert.deepEqual(outcomeOf(CALL, replaced), OK)
  })

  it('with a JSON-RPC error has its code and message', () => {
    assert.deepEqual(outcomeOf(CALL, failure(1, -32602, 'bad "x"')), {
      kind: 'rpc_error',
      code: -32602,
      message: 'bad "x"',
    })
    assert.deepEqual(outcomeOf(CALL, '{"id":1,"error":{"code":7}}'), { kind: 'rpc_error', code: 7 })
    assert.deepEqual(outcomeOf(CALL, '{"id":1,"error":{"code":1e2,"message":5}}'), {
      kind: 'rpc_error',
      code: 100,
    })
  })

  it('has an error message cut to 256 bytes', () => {
    for (const length of [256, 257, 300, 5_000]) {
      assert.deepEqual(outcomeOf(CALL, failure(1, 5, 'x'.repeat(length))), {
        kind: 'rpc_error',
        code: 5,
        message: 'x'.repeat(256),
      })
    }
  })

  it('has an error message of at most 256 bytes when its characters are long', () => {
    const rows = [
      ['😀'.repeat(64), '😀'.repeat(64)],
      ['é'.repeat(200), 'é'.repeat(128)],
      [`x${'😀'.repeat(64)}`, `x${'😀'.repeat(63)}`],
    ] as const
    for (const [sent, message] of rows) {
      assert.deepEqual(outcomeOf(CALL, failure(1, 5, sent)), {
        kind: 'rpc_error',
        code: 5,
        message,
      })
    }
  })

  it('with an error that has no integer code is no valid answer', () => {
    for (const code of ['"x"', '1.5', 'null', '{}', 'true', '"-32602"']) {
      assert.deepEqual(outcomeOf(CALL, `{"id":1,"error":{"code":${code}}}`), BAD_MESSAGE)
    }
    assert.deepEqual(outcomeOf(CALL, '{"id":1,"error":"no"}'), BAD_MESSAGE)
  })

  it('with a result is ok though a null error stands beside it', () => {
    assert.deepEqual(outcomeOf(CALL, '{"id":1,"result":{},"error":null}'), OK)
    assert.deepEqual(outcomeOf(CALL, '{"id":1,"error":null,"result":{"isError":true}}'), {
      kind: 'tool_error',
    })
    assert.deepEqual(outcomeOf(CALL, '{"id":1,"error":null}'), BAD_MESSAGE)
  })

  it('may begin with a byte order mark, and with no other noise', () => {
    const body = JSON.stringify(result(1, { isError: true }))
    assert.deepEqual(outcomeOf(CALL, `\ufeff${body}`), { kind: 'tool_error' })
    assert.deepEqual(outcomeOf(CALL, `\ufeff\ufeff${body}`), BAD_MESSAGE)
    assert.deepEqual(outcomeOf(CALL, `${body}\ufeff`), BAD_MESSAGE)
  })

  it('may begin with a byte order mark in pieces', () => {
    const body = `\ufeff${JSON.stringify(result(1))}`
    assert.deepEqual(only(watch(CALL, { body, cuts: [1, 1, 1] })), OK)
  })

  it('may ask for input', () => {
    const body = result(1, { resultType: 'input_required', inputRequests: {} })
    assert.deepEqual(outcomeOf(MODERN_CALL, body), { kind: 'input_required' })
    assert.deepEqual(outcomeOf(MODERN_CALL, result(1, { resultType: 'complete' })), OK)
    assert.deepEqual(outcomeOf(MODERN_CALL, result(1, { resultType: 'complete', isError: true })), {
      kind: 'tool_error',
    })
  })

  it('may be a task', () => {
    assert.deepEqual(outcomeOf(MODERN_CALL, result(1, { resultType: 'task' })), { kind: 'task' })
    const asks = request(1, 'tools/call', { name: 'add', task: { ttl: 1 } })
    assert.deepEqual(outcomeOf(asks, result(1, { task: { taskId: 't' } })), { kind: 'task' })
    assert.deepEqual(outcomeOf(asks, result(1, { task: 'no' })), OK)
    assert.deepEqual(outcomeOf(CALL, result(1, { task: { taskId: 't' } })), OK)
  })

  it('with another id is no answer', () => {
    for (const id of [2, '1', 1.5, '', true, {}, []]) {
      assert.deepEqual(outcomeOf(CALL, result(id)), BAD_MESSAGE, JSON.stringify(id))
    }
    assert.deepEqual(outcomeOf(request('', 'ping'), result(0)), BAD_MESSAGE)
    assert.deepEqual(outcomeOf(request(0, 'ping'), result('')), BAD_MESSAGE)
  })

  it('may spell the id another way', () => {
    assert.deepEqual(outcomeOf(CALL, '{"id":1.0,"result":{}}'), OK)
    assert.deepEqual(outcomeOf(CALL, '{"id":10e-1,"result":{}}'), OK)
    assert.deepEqual(outcomeOf(request('a', 'ping'), '{"id":"\\u0061","result":{}}'), OK)
    assert.deepEqual(outcomeOf(request(0, 'ping'), result(0)), OK)
    assert.deepEqual(outcomeOf(request('', 'ping'), result('')), OK)
  })

  it('that is an error with id null or none is the answer to the only call', () => {
    const expected = { kind: 'rpc_error', code: -32700, message: 'no' }
    assert.deepEqual(outcomeOf(CALL, failure(null, -32700), 400), expected)
    assert.deepEqual(outcomeOf(CALL, failure(undefined, -32700), 400), expected)
  })

  it('that is a result with id null or none is no answer', () => {
    assert.deepEqual(outcomeOf(CALL, result(null)), BAD_MESSAGE)
    assert.deepEqual(outcomeOf(CALL, result(undefined)), BAD_MESSAGE)
  })

  it('that is an error with id null is no answer to one call of several', () => {
    const sent = [request(1, 'ping'), request(2, 'ping')]
    assert.deepEqual(watch(sent, { body: JSON.stringify(failure(null, 5)) }), [
      [0, BAD_MESSAGE],
      [1, BAD_MESSAGE],
    ])
  })

  it('that is empty, cut off or no JSON is no valid answer', () => {
    const whole = JSON.stringify(result(1, { content: [{ text: 'a' }] }))
    assert.deepEqual(outcomeOf(CALL, ''), BAD_MESSAGE)
    assert.deepEqual(outcomeOf(CALL, '<html></html>'), BAD_MESSAGE)
    assert.deepEqual(outcomeOf(CALL, `${whole}}`), BAD_MESSAGE)
    assert.deepEqual(outcomeOf(CALL, `${whole}${whole}`), BAD_MESSAGE)
    for (let length = 0; length < whole.length; length += 1) {
      assert.deepEqual(outcomeOf(CALL, whole.slice(0, length)), BAD_MESSAGE)
    }
  })

  it('tells nothing before it is whole', () => {
    assert.deepEqual(watch(CALL, { body: JSON.stringify(result(1)), ends: false }), [])
  })

  it('that asks something under our id is no answer', () => {
    assert.deepEqual(outcomeOf(CALL, request(1, 'sampling/createMessage')), BAD_MESSAGE)
    assert.deepEqual(outcomeOf(CALL, { ...request(1, 'ping'), result: {} }), BAD_MESSAGE)
  })

  it('is read under each JSON content type, and under no other', () => {
    const body = JSON.stringify(result(1))
    const types = ['application/json; charset=utf-8', 'Application/JSON', 'application/x+json']
    for (const type of types) assert.deepEqual(only(watch(CALL, { type, body })), OK, type)
    for (const type of ['text/plain', undefined, 'application/octet-stream']) {
      assert.deepEqual(only(watch(CALL, { type, body })), BAD_MESSAGE, String(type))
    }
  })
})

describe('The status of a reply', () => {
  it('below 500 leaves a JSON-RPC error as it is', () => {
    const unknownMethod = failure(1, -32601, 'Method not found')
    assert.deepEqual(outcomeOf(CALL, unknownMethod, 404), {
      kind: 'rpc_error',
      code: -32601,
      message: 'Method not found',
    })
    assert.deepEqual(outcomeOf(CALL, failure(1, -32020), 400), {
      kind: 'rpc_error',
      code: -32020,
      message: 'no',
    })
  })

  it('below 500 without a JSON-RPC error is the outcome', () => {
    assert.deepEqual(outcomeOf(CALL, 'Not Found', 404), { kind: 'upstream_status', status: 404 })
    assert.deepEqual(outcomeOf(CALL, '', 401), { kind: 'upstream_status', status: 401 })
    assert.deepEqual(outcomeOf(CALL, { error: 'invalid_token' }, 401), {
      kind: 'upstream_status',
      status: 401,
    })
    for (const code of ['unauthorized', '401', null]) {
      assert.deepEqual(outcomeOf(CALL, { error: { code, message: 'no' } }, 401), {
        kind: 'upstream_status',
        status: 401,
      })
    }
    assert.deepEqual(outcomeOf(CALL, result(1), 403), { kind: 'upstream_status', status: 403 })
    assert.deepEqual(outcomeOf(CALL, '', 307), { kind: 'upstream_status', status: 307 })
  })

  it('from 500 on is a failure of the upstream whatever the body says', () => {
    assert.deepEqual(outcomeOf(CALL, '', 500), failedWith(500))
    assert.deepEqual(outcomeOf(CALL, 'Bad Gateway', 502), failedWith(502))
    assert.deepEqual(outcomeOf(CALL, failure(1, -32603), 500), failedWith(500))
    assert.deepEqual(outcomeOf(CALL, result(1), 503), failedWith(503))
  })

  it('decides about a notification and about a response of the client', () => {
    const answer = { jsonrpc: '2.0', id: 7, result: {} }
    for (const sent of [notification('notifications/initialized'), answer]) {
      const outcome = (status: number): unknown =>
        only(watch(sent, { status, type: undefined, body: '' }))
      assert.deepEqual(outcome(202), OK)
      assert.deepEqual(outcome(204), OK)
      assert.deepEqual(outcome(404), { kind: 'upstream_status', status: 404 })
      assert.deepEqual(outcome(503), failedWith(503))
      assert.deepEqual(outcomeOf(sent, failure(null, -32600), 400), {
        kind: 'rpc_error',
        code: -32600,
        message: 'no',
      })
    }
  })

  it('202 is no answer to a request', () => {
    assert.deepEqual(only(watch(CALL, { status: 202, type: undefined, body: '' })), BAD_MESSAGE)
  })
})

describe('The replies to a batch', () => {
  const sent = [
    request(1, 'tools/call', { name: 'a' }),
    notification('notifications/progress'),
    request('1', 'ping'),
  ]
  const expected = [
    [0, { kind: 'tool_error' }],
    [1, OK],
    [2, { kind: 'rpc_error', code: 5, message: 'no' }],
  ]
  const answers = [failure('1', 5), result(1, { isError: true })]
  const byIndex = (told: Told): Told => told.toSorted((a, b) => a[0] - b[0])

  it('may come in one array', () => {
    assert.deepEqual(byIndex(watch(sent, { body: JSON.stringify(answers) })), expected)
  })

  it('may come in several events', () => {
    const body = answers.map((answer) => event(answer)).join('')
    assert.deepEqual(byIndex(watch(sent, { type: STREAM, body })), expected)
  })

  it('may come in one event as an array', () => {
    const body = event(answers)
    assert.deepEqual(byIndex(watch(sent, { type: STREAM, body })), expected)
  })

  it('leave without an outcome nothing that was asked', () => {
    const told = watch(sent, { body: JSON.stringify([answers[0]]) })
    assert.deepEqual(byIndex(told), [[0, BAD_MESSAGE], expected[1], expected[2]])
  })

  it('keep ids apart that are one number to JavaScript', () => {
    const ids = ['9007199254740992', '9007199254740993']
    const calls = ids.map((id) => `{"jsonrpc":"2.0","id":${id},"method":"ping"}`)
    const bodies = [`{"id":${ids[1]},"error":{"code":5}}`, `{"id":${ids[0]},"result":{}}`]
    const told: Told = []
    const { messages } = readEnvelope(`[${calls.join()}]`)
    const head = { status: 200, contentType: 'application/json' }
    const watcher = watchReply(head, messages, (index, outcome) => told.push([index, outcome]))
    watcher.write(Buffer.from(`[${bodies.join()}]`))
    watcher.end()
    assert.deepEqual(byIndex(told), [
      [0, OK],
      [1, { kind: 'rpc_error', code: 5 }],
    ])
  })

  it('answer two calls with one id in turn', () => {
    const twice = [request(1, 'ping'), request(1, 'ping')]
    const body = JSON.stringify([result(1), failure(1, 5)])
    assert.deepEqual(watch(twice, { body }), [
      [0, OK],
      [1, { kind: 'rpc_error', code: 5, message: 'no' }],
    ])
  })

  it('tell nothing of a truncated array, though some answers in it were whole', () => {
    const body = JSON.stringify([...answers]).slice(0, -1)
    assert.deepEqual(byIndex(watch(sent, { body })), [
      [0, BAD_MESSAGE],
      [1, OK],
      [2, BAD_MESSAGE],
    ])
  })
})

describe('An event stream as a reply', () => {
  it('holds the answer among comments, notifications and requests of the server', () => {
    const events = [
      ': keepalive\n\n',
      event(notification('notifications/progress')),
      event(request(1, 'sampling/createMessage')),
      event(result(2)),
      event(result(1, { isError: true })),
      event(notification('notifications/message')),
    ]
    assert.deepEqual(streamed(CALL, ...events), { kind: 'tool_error' })
  })

  it('tells the outcome with the event that holds it, not at its end', () => {
    const body = event(result(1))
    assert.deepEqual(watch(CALL, { type: STREAM, body, ends: false }), [[0, OK]])
    assert.deepEqual(watch(CALL, { type: STREAM, body: body.slice(0, -1), ends: false }), [])
  })

  it('tells one outcome when the answer comes twice', () => {
    assert.deepEqual(streamed(CALL, event(result(1)), event(failure(1, 5))), OK)
  })

  it('without the answer was closed', () => {
    assert.deepEqual(streamed(CALL), CLOSED)
    assert.deepEqual(streamed(CALL, event(result(2))), CLOSED)
    assert.deepEqual(streamed(CALL, event('garbage')), CLOSED)
    assert.deepEqual(streamed(CALL, event('{"id":1,"result":{')), CLOSED)
    assert.deepEqual(streamed(CALL, event(result(1)).slice(0, -2)), CLOSED)
  })

  it('reads no named event as a message', () => {
    assert.deepEqual(streamed(CALL, event(result(1), 'event: endpoint\n')), CLOSED)
    assert.deepEqual(streamed(CALL, event(result(1), 'event: message\n')), OK)
  })

  it('joins several data lines', () => {
    const lines = 'data: {"jsonrpc":"2.0",\ndata: "id":1,\ndata\ndata:"result":{}}\n\n'
    assert.deepEqual(streamed(CALL, lines), OK)
  })

  it('forgets a broken event before the next', () => {
    assert.deepEqual(streamed(CALL, event('{"id":1,"err'), event(result(1))), OK)
    assert.deepEqual(streamed(CALL, event('{"id":1,"result":{}}}'), event(failure(1, 5))), {
      kind: 'rpc_error',
      code: 5,
      message: 'no',
    })
  })

  it('may end its lines in any way and have a charset', () => {
    for (const end of ['\r\n', '\r', '\n']) {
      const body = event(result(1), 'id: 3\n').replaceAll('\n', end)
      const type = 'Text/Event-Stream;charset=utf-8'
      assert.deepEqual(only(watch(CALL, { type, body })), OK, JSON.stringify(end))
    }
  })

  it('that ends cleanly after an id suspends a legacy call', () => {
    const priming = 'id: 1\nretry: 100\ndata:\n\n'
    assert.equal(streamed(CALL, priming), 'suspended')
    assert.equal(streamed(CALL, event(notification('notifications/x'), 'id: 1\n')), 'suspended')
    assert.deepEqual(streamed(CALL, priming, event(result(1))), OK)
    assert.deepEqual(streamed(CALL, 'id: 1\ndata:\n'), CLOSED, 'the event was never complete')
    assert.deepEqual(streamed(CALL, 'id:\ndata:\n\n'), CLOSED, 'an empty id resumes nothing')
  })

  it('suspends no call of the stateless era, which knows no resumption', () => {
    assert.deepEqual(streamed(MODERN_CALL, 'id: 1\ndata:\n\n'), CLOSED)
  })

  it('suspends no notification', () => {
    assert.deepEqual(streamed(notification('notifications/x'), 'id: 1\ndata:\n\n'), OK)
  })

  it('with a failed status follows the status', () => {
    const told = watch(CALL, { status: 500, type: STREAM, body: 'id: 1\ndata:\n\n' })
    assert.deepEqual(only(told), failedWith(500))
  })
})

describe('The outcome', () => {
  const answer = fc.constantFrom<object>(
    result(1, { content: [{ type: 'text', text: 'é "quoted" \\ ]}'.repeat(9) }], isError: true }),
    result(1, { structuredContent: { isError: true, deep: [{ a: [[]] }] }, isError: false }),
    result(1, { resultType: 'input_required' }),
    failure(1, -32603, 'ünïcode "x"'),
    failure(null, -32700),
    result(2, { isError: true }),
    request(1, 'roots/list'),
    notification('notifications/message'),
  )
  const cuts = fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 80 })

  it('is the same however a JSON body is cut', () => {
    fc.assert(
      fc.property(answer, cuts, (body, sizes) => {
        const text = JSON.stringify(body)
        assert.deepEqual(watch(CALL, { body: text, cuts: sizes }), watch(CALL, { body: text }))
      }),
      { numRuns: 500 },
    )
  })

  it('of an event stream is that of the first message that answers, however it is cut', () => {
    const end = fc.constantFrom('\n', '\r', '\r\n')
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 4 }), cuts, end, (bodies, sizes, lineEnd) => {
        const text = bodies.map((body) => event(body)).join('')
        const body = text.replaceAll('\n', lineEnd)
        const first = bodies.map(expectedOf).find((outcome) => outcome !== undefined)
        const told = watch(CALL, { type: STREAM, body, cuts: sizes })
        assert.deepEqual(only(told), first ?? CLOSED)
      }),
      { numRuns: 1_000 },
    )
  })
})

/** What a whole, parsed message says about CALL. */
function expectedOf(message: {
  id?: unknown
  method?: string
  error?: { code: number; message: string }
  result?: { isError?: boolean; resultType?: string }
}): object | undefined {
  if (message.method !== undefined) return undefined
  if (message.error !== undefined && (message.id === 1 || message.id === null)) {
    return { kind: 'rpc_error', ...message.error }
  }
  if (message.id !== 1) return undefined
  if (message.result?.resultType === 'input_required') return { kind: 'input_required' }
  return message.result?.isError === true ? { kind: 'tool_error' } : { kind: 'ok' }
}

describe('what reads replies', () => {
  const told: string[] = []
  const begin = (type: string, id: number): ReturnType<typeof watchReply> =>
    watchReply(
      { status: 200, contentType: type },
      readMessages(request(id, 'ping')),
      (_index, outcome) => told.push(`${id} ${outcome === 'suspended' ? outcome : outcome.kind}`),
      undefined,
      undefined,
      scanners,
    )

  it('is used again only when nothing is told of the reply before any more', () => {
    for (const [type, start] of [
      ['application/json', ''],
      [STREAM, 'data: '],
    ] as const) {
      told.length = 0
      const first = begin(type, 1)
      first.write(Buffer.from(`${start}{"jsonrpc":"2.0","id":1,"result":{"a":[1,"`))
      first.drop()
      const second = begin(type, 2)
      second.write(Buffer.from(`${start}{"jsonrpc":"2.0","id":2,`))
      first.write(Buffer.from('"id":1,"error":{"code":-1,"message":""}}\n\n'))
      second.write(Buffer.from('"result":{}}\n\n'))
      second.end()
      assert.deepEqual(told, ['2 ok'])
    }
  })
})
