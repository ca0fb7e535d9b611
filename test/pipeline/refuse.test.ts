import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Exchange } from '../../src/core/exchange.ts'
import { reject, type Rejection, type UpstreamFailed } from '../../src/core/outcome.ts'
import {
  answerInternal,
  answerRefusal,
  FAILURE_TABLE,
  INTERNAL_CODE,
  REJECTION_META_KEY,
  REJECTION_TABLE,
} from '../../src/pipeline/refuse.ts'
import { readEnvelope } from '../mcp/messages.ts'
import { get, post } from './fakes.ts'

const FULL = reject('at_capacity', 'the sidecar is full')
const CONNECT: UpstreamFailed = { kind: 'upstream_failed', reason: 'connect', sent: false }
const RESET: UpstreamFailed = { kind: 'upstream_failed', reason: 'reset', sent: true }

/** An exchange whose calls have been read. */
function exchangeOf(body: string): Exchange {
  const exchange = post(body)
  const envelope = readEnvelope(body)
  exchange.batch = envelope.batch
  exchange.calls = envelope.messages.map((message) => ({
    exchange,
    message,
    trace: undefined,
    outcome: undefined,
  }))
  return exchange
}

const answer = (
  body: string,
  outcome: Rejection | UpstreamFailed = FULL,
  rejections: 'mcp' | 'http' = 'mcp',
): { status: number; headers: readonly string[]; body: string } =>
  answerRefusal(exchangeOf(body), outcome, rejections)

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add"}}'
const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
const DISCOVER = '{"jsonrpc":"2.0","id":1,"method":"server/discover"}'
const NOTE = '{"jsonrpc":"2.0","method":"notifications/initialized"}'

describe('The tables of answers', () => {
  it('for rejections are these', () => {
    assert.deepEqual(REJECTION_TABLE, {
      malformed: { use: 'always', status: 400, code: -32700, retryAfterMs: undefined },
      invalid_request: { use: 'always', status: 400, code: -32600, retryAfterMs: undefined },
      header_mismatch: { use: 'always', status: 400, code: -32020, retryAfterMs: undefined },
      invalid_meta: { use: 'always', status: 400, code: -32602, retryAfterMs: undefined },
      unsupported_revision: { use: 'always', status: 400, code: -32022, retryAfterMs: undefined },
      bad_revision: { use: 'always', status: 400, code: -32000, retryAfterMs: undefined },
      session_required: { use: 'always', status: 400, code: -32000, retryAfterMs: undefined },
      session_unknown: { use: 'always', status: 404, code: -32001, retryAfterMs: undefined },
      unknown_event: { use: 'always', status: 400, code: -32000, retryAfterMs: undefined },
      method_not_allowed: { use: 'always', status: 405, code: -32000, retryAfterMs: undefined },
      too_large: { use: 'always', status: 413, code: 1001, retryAfterMs: undefined },
      unsupported_media: { use: 'always', status: 415, code: 1002, retryAfterMs: undefined },
      unsupported_method: { use: 'always', status: 501, code: 1008, retryAfterMs: undefined },
      forbidden_host: { use: 'always', status: 403, code: 1003, retryAfterMs: undefined },
      forbidden_origin: { use: 'always', status: 403, code: 1004, retryAfterMs: undefined },
      unauthenticated: { use: 'always', status: 401, code: 1050, retryAfterMs: undefined },
      invalid_token: { use: 'always', status: 401, code: 1051, retryAfterMs: undefined },
      malformed_authorization: { use: 'always', status: 400, code: 1052, retryAfterMs: undefined },
      auth_unavailable: { use: 'always', status: 503, code: 1053, retryAfterMs: 5_000 },
      unknown_upstream: { use: 'fallback', status: 502, code: 1005, retryAfterMs: undefined },
      at_capacity: { use: 'fallback', status: 503, code: 1006, retryAfterMs: 1_000 },
      restarting: { use: 'fallback', status: 503, code: 1009, retryAfterMs: 1_000 },
      breaker_open: { use: 'fallback', status: 503, code: 1031, retryAfterMs: 5_000 },
      throttled: { use: 'fallback', status: 429, code: 1032, retryAfterMs: 5_000 },
      queue_timeout: { use: 'fallback', status: 503, code: 1033, retryAfterMs: 5_000 },
      tool_changed: { use: 'fallback', status: 403, code: 1040, retryAfterMs: undefined },
      tool_unpinned: { use: 'fallback', status: 403, code: 1041, retryAfterMs: undefined },
      forbidden: { use: 'fallback', status: 403, code: 1054, retryAfterMs: undefined },
      forbidden_arguments: { use: 'fallback', status: 403, code: 1055, retryAfterMs: undefined },
      insufficient_scope: { use: 'always', status: 403, code: 1056, retryAfterMs: undefined },
      audit_unavailable: { use: 'fallback', status: 503, code: 1060, retryAfterMs: 5_000 },
      draining: { use: 'fallback', status: 503, code: 1007, retryAfterMs: 1_000 },
    })
  })

  it('for failures are these', () => {
    assert.deepEqual(FAILURE_TABLE, {
      connect: { use: 'fallback', status: 502, code: 1010, retryAfterMs: 5_000 },
      timeout: { use: 'fallback', status: 504, code: 1011, retryAfterMs: 5_000 },
      reset: { use: 'fallback', status: 502, code: 1012, retryAfterMs: 5_000 },
      closed: { use: 'fallback', status: 502, code: 1013, retryAfterMs: 5_000 },
      http_5xx: { use: 'fallback', status: 502, code: 1014, retryAfterMs: 5_000 },
      bad_message: { use: 'fallback', status: 502, code: 1015, retryAfterMs: 5_000 },
      process_exit: { use: 'fallback', status: 502, code: 1016, retryAfterMs: 5_000 },
    })
    assert.equal(INTERNAL_CODE, 1020)
    assert.equal(REJECTION_META_KEY, 'sidelight/rejection')
  })

  it('use no status that clients take for an older server, save where MCP orders it', () => {
    const ordered: Readonly<Record<string, readonly string[]>> = {
      400: [
        'malformed',
        'invalid_request',
        'header_mismatch',
        'invalid_meta',
        'unsupported_revision',
        'bad_revision',
        'session_required',
        'unknown_event',
        // Ordered by MCP ("Error Handling" of its authorization).
        'malformed_authorization',
      ],
      404: ['session_unknown'],
      405: ['method_not_allowed'],
    }
    const rows = Object.entries({ ...REJECTION_TABLE, ...FAILURE_TABLE })
    for (const [status, reasons] of Object.entries(ordered)) {
      const using = rows.filter(([, row]) => row.status === Number(status))
      assert.deepEqual(
        using.map(([reason]) => reason),
        reasons,
        status,
      )
    }
  })

  it('use each code of ours once, and none from the range that JSON-RPC and MCP reserve', () => {
    const rows = Object.values({ ...REJECTION_TABLE, ...FAILURE_TABLE })
    const codes = rows.map(({ code }) => code)
    const isReserved = (code: number): boolean => code >= -32_768 && code <= -32_000
    const ours = codes.filter((code) => !isReserved(code))
    assert.equal(new Set([...ours, INTERNAL_CODE]).size, ours.length + 1)
    // What MCP orders the code of, and what official servers answer with -32000 and -32001.
    assert.deepEqual(
      codes.filter(isReserved).toSorted((a, b) => a - b),
      [-32_700, -32_602, -32_600, -32_022, -32_020, -32_001, -32_000, -32_000, -32_000, -32_000],
    )
  })
})

describe('A refused tools/call', () => {
  it('is a tool result that a model can read', () => {
    const { status, headers, body } = answer(CALL)
    assert.equal(status, 200)
    assert.deepEqual(headers, [
      'Content-Type',
      'application/json',
      'Cache-Control',
      'no-store',
      'Retry-After',
      '1',
    ])
    assert.deepEqual(JSON.parse(body), {
      jsonrpc: '2.0',
      id: 1,
      result: {
        content: [
          {
            type: 'text',
            text: 'The MCP server "up" was not called: The sidecar is full. Your arguments are not at fault. You may try once more in 1 s; if that fails too, go on without this tool and tell the user.',
          },
        ],
        isError: true,
        _meta: {
          'sidelight/rejection': { reason: 'at_capacity', upstream: 'up', retryAfterMs: 1_000 },
        },
      },
    })
  })

  it('of the stateless era says that it is complete', () => {
    const body =
      '{"id":1,"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}'
    assert.equal(JSON.parse(answer(body).body).result.resultType, 'complete')
    assert.equal('resultType' in JSON.parse(answer(CALL).body).result, false)
  })

  it('has the id exactly as it was written', () => {
    for (const id of ['"a\\u0041"', '1.0', '1e2', '9007199254740993', '""', '0', 'null']) {
      for (const method of ['tools/call', 'tools/list']) {
        const { body } = answer(`{"id": ${id} ,"method":"${method}"}`)
        assert.ok(body.startsWith(`{"jsonrpc":"2.0","id":${id},"`), body)
      }
    }
  })

  it('says whether the tool may have run', () => {
    const text = (outcome: UpstreamFailed): string =>
      JSON.parse(answer(CALL, outcome).body).result.content[0].text
    assert.equal(
      text(CONNECT),
      'The MCP server "up" cannot be reached. The tool did not run. Your arguments are not at fault. You may try once more in 5 s; if that fails too, go on without this tool and tell the user.',
    )
    assert.match(
      text(RESET),
      /It is not known whether the tool ran: before you repeat a call that changes something, check with one that only reads\./,
    )
    for (const reason of [
      'timeout',
      'closed',
      'http_5xx',
      'bad_message',
      'process_exit',
    ] as const) {
      const failed = text({ kind: 'upstream_failed', reason, sent: true })
      assert.match(failed, /^The MCP server "up" [a-z ]+\. It is not known/, reason)
    }
  })

  it('says that waiting does not help when it does not', () => {
    const { headers, body } = answer(CALL, reject('unknown_upstream', 'There is none'))
    assert.ok(!headers.includes('Retry-After'))
    assert.match(JSON.parse(body).result.content[0].text, /Do not repeat the call/)
    assert.deepEqual(JSON.parse(body).result._meta['sidelight/rejection'], {
      reason: 'unknown_upstream',
      upstream: 'up',
    })
  })
})

describe('Another refused request', () => {
  it('gets a JSON-RPC error that cannot be taken for the upstream’s', () => {
    const { status, body } = answer(LIST)
    assert.equal(status, 200)
    assert.deepEqual(JSON.parse(body), {
      jsonrpc: '2.0',
      id: 1,
      error: {
        code: 1006,
        message: 'The sidecar is full.',
        data: { source: 'sidelight', reason: 'at_capacity', upstream: 'up', retryAfterMs: 1_000 },
      },
    })
    assert.equal(JSON.parse(answer(LIST, RESET).body).error.code, 1012)
  })

  it('that probes for the era gets a status, since any JSON-RPC error in 200 says legacy', () => {
    assert.equal(answer(DISCOVER).status, 503)
    assert.equal(answer(DISCOVER, CONNECT).status, 502)
    assert.equal(answer(`[${LIST},${DISCOVER}]`).status, 503)
  })
})

describe('What is no request', () => {
  it('gets a status and an error without an id', () => {
    const { status, body } = answer(NOTE)
    assert.equal(status, 503)
    assert.equal(JSON.parse(body).id, null)
    assert.equal(answer('{"id":1,"result":{}}').status, 503)
    const stream = answerRefusal(get(), CONNECT, 'mcp')
    assert.equal(stream.status, 502)
    assert.equal(JSON.parse(stream.body).error.code, 1010)
  })
})

describe('A refused batch', () => {
  it('gets an array with an answer for each request', () => {
    const { status, body } = answer(`[${CALL},${NOTE},${LIST.replace('"id":1', '"id":2')}]`)
    assert.equal(status, 200)
    const answers: { id: number; result?: unknown }[] = JSON.parse(body)
    assert.deepEqual(
      answers.map(({ id, result }) => [id, result === undefined ? 'error' : 'result']),
      [
        [1, 'result'],
        [2, 'error'],
      ],
    )
  })

  it('gets an array when it holds one request alone', () => {
    assert.ok(Array.isArray(JSON.parse(answer(`[${LIST}]`).body)))
    assert.ok(!Array.isArray(JSON.parse(answer(LIST).body)))
  })

  it('without a request gets a status', () => {
    const { status, body } = answer(`[${NOTE},${NOTE}]`)
    assert.equal(status, 503)
    assert.equal(JSON.parse(body).id, null)
  })
})

describe('A shutdown', () => {
  it('refuses a session by its status, and a call in band', () => {
    const initialize = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}'
    const draining = reject('draining', 'the sidecar is shutting down')
    const { status, headers, body } = answer(initialize, draining)
    assert.equal(status, 503)
    assert.deepEqual(headers.slice(-2), ['Retry-After', '1'])
    assert.match(body, /"id":1,"error":\{"code":1007,/)
    assert.equal(answer(initialize, reject('at_capacity', 'full')).status, 200)
    assert.equal(answer(CALL, draining).status, 200)
  })
})

describe('With rejections: http', () => {
  it('every refusal is a status', () => {
    for (const body of [CALL, LIST, DISCOVER, NOTE]) {
      assert.equal(answer(body, FULL, 'http').status, 503)
      assert.equal(answer(body, CONNECT, 'http').status, 502)
    }
  })

  it('a refused tools/call is a JSON-RPC error and no result', () => {
    const message = JSON.parse(answer(CALL, FULL, 'http').body)
    assert.equal(message.error.code, 1006)
    assert.equal(message.id, 1)
    assert.equal('result' in message, false)
  })
})

describe('A status that MCP orders', () => {
  it('is used for tools/call too', () => {
    const refusal = reject('header_mismatch', 'Header mismatch: Mcp-Name')
    const { status, body } = answer(CALL, refusal)
    assert.equal(status, 400)
    assert.equal(JSON.parse(body).error.code, -32_020)
  })
})

describe('Retry-After', () => {
  it('is in whole seconds, rounded up, at least one', () => {
    const seconds = (retryAfterMs: number): string | undefined => {
      const { headers } = answer(LIST, reject('at_capacity', 'full', retryAfterMs))
      return headers[headers.indexOf('Retry-After') + 1]
    }
    assert.equal(seconds(1), '1')
    assert.equal(seconds(1_000), '1')
    assert.equal(seconds(1_001), '2')
    assert.equal(seconds(30_000), '30')
  })
})

describe('A defect of ours', () => {
  it('is a 500 that says nothing about the call', () => {
    const { status, body } = answerInternal()
    assert.equal(status, 500)
    assert.deepEqual(JSON.parse(body), {
      jsonrpc: '2.0',
      id: null,
      error: {
        code: 1020,
        message: 'The sidecar failed on this request; its log says how.',
        data: { source: 'sidelight', reason: 'internal' },
      },
    })
  })
})

describe('No refusal', () => {
  it('repeats an argument, a header or a query of the client', () => {
    const body = CALL.replace('"name":"add"', '"name":"add","arguments":{"key":"SECRET"}')
    const exchange = {
      ...exchangeOf(body),
      query: '?SECRET',
      headers: { authorization: 'Bearer SECRET', cookie: 'SECRET' },
    }
    for (const rejections of ['mcp', 'http'] as const) {
      for (const outcome of [FULL, CONNECT, RESET]) {
        assert.doesNotMatch(JSON.stringify(answerRefusal(exchange, outcome, rejections)), /SECRET/)
      }
    }
  })
})
