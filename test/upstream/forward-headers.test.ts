import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Injection } from '../../src/core/observer.ts'
import {
  HeaderNames,
  requestHeaders,
  responseHeaders,
  type RequestHeaderRules,
} from '../../src/upstream/forward-headers.ts'

const names = new HeaderNames()
const PLAIN: RequestHeaderRules = { preserveHost: false, dropCredentials: false, set: new Map() }

const request = (raw: readonly string[], rules = PLAIN, injection?: Injection): string[] =>
  requestHeaders(raw, rules, injection, names)

const response = (...raw: string[]): string[] => responseHeaders(raw, names)

const setting = (name: string, value: string): RequestHeaderRules => ({
  preserveHost: false,
  dropCredentials: false,
  set: new Map([[name.toLowerCase(), { name, value }]]),
})

const HOP_BY_HOP = [
  'Connection',
  'Keep-Alive',
  'Proxy-Connection',
  'Proxy-Authenticate',
  'Proxy-Authorization',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
]

describe('The headers of a request', () => {
  it('keep their spelling, order and repetitions', () => {
    const raw = ['X-b', '1', 'AUTHORIZATION', 'Bearer x', 'x-B', '2', 'Accept', 'a, b', 'Empty', '']
    assert.deepEqual(request(raw), raw)
  })

  it('lose what belongs to the connection with the client', () => {
    for (const name of [...HOP_BY_HOP, 'Host', 'Content-Length', 'Expect']) {
      for (const spelled of [name, name.toLowerCase(), name.toUpperCase()]) {
        assert.deepEqual(request(['A', '1', spelled, 'x', 'B', '2']), ['A', '1', 'B', '2'], spelled)
      }
    }
  })

  it('lose what Connection lists, wherever it stands and however often', () => {
    const raw = ['X-One', '1', 'Connection', 'close, x-ONE ,X-Two', 'x-two', '2', 'Keep', '3']
    assert.deepEqual(request(raw), ['Keep', '3'])
    const twice = ['Connection', 'X-One', 'X-One', '1', 'connection', 'X-Two', 'X-Two', '2']
    assert.deepEqual(request(twice), [])
    const mixed = ['Connection', 'X-One', 'Connection', 'keep-alive', 'X-One', '1']
    assert.deepEqual(request(mixed), [])
  })

  it('keep what the protocol needs', () => {
    const raw = [
      'Content-Type',
      'application/json',
      'Mcp-Session-Id',
      's',
      'Last-Event-ID',
      '7',
      'MCP-Protocol-Version',
      '2026-07-28',
      'Mcp-Param-Region',
      'x',
      'Cookie',
      'c',
      'DPoP',
      'd',
      'traceparent',
      'p',
      'tracestate',
      's',
      'baggage',
      'b',
      'Accept-Encoding',
      'gzip',
    ]
    assert.deepEqual(request(raw), raw)
  })

  it('name the client’s host only when it is to be preserved', () => {
    assert.deepEqual(request(['Host', 'a', 'X', '1']), ['X', '1'])
    const preserve = { ...PLAIN, preserveHost: true }
    assert.deepEqual(request(['Host', 'a', 'X', '1'], preserve), ['Host', 'a', 'X', '1'])
  })

  it('hold the operator’s value in place of every one of the client’s', () => {
    const raw = ['authorization', 'Bearer client', 'X', '1', 'Authorization', 'Bearer other']
    const rules = setting('Authorization', 'Bearer ours')
    assert.deepEqual(request(raw, rules), ['X', '1', 'Authorization', 'Bearer ours'])
    const listed = ['Connection', 'authorization']
    assert.deepEqual(request(listed, rules), ['Authorization', 'Bearer ours'])
  })

  it('hold our trace context in place of the client’s', () => {
    const raw = ['Traceparent', 'old', 'X', '1', 'TRACESTATE', 'old', 'baggage', 'b']
    const parent = 'traceparent'
    assert.deepEqual(request(raw, PLAIN, { traceparent: 'new', tracestate: 'k=v' }), [
      'X',
      '1',
      'baggage',
      'b',
      parent,
      'new',
      'tracestate',
      'k=v',
    ])
    assert.deepEqual(request(raw, PLAIN, { traceparent: 'new', tracestate: '' }), [
      'X',
      '1',
      'baggage',
      'b',
      parent,
      'new',
    ])
  })
})

describe('The headers of a reply', () => {
  it('keep their spelling, order and repetitions', () => {
    const raw = ['Set-Cookie', 'a', 'X', '1', 'set-cookie', 'b', 'Content-Length', '5', 'Date', 'd']
    assert.deepEqual(response(...raw), raw)
    const named = ['Host', 'h', 'Expect', 'x', 'WWW-Authenticate', 'Bearer', 'Mcp-Session-Id', 's']
    assert.deepEqual(response(...named), named)
  })

  it('lose what belongs to the connection with the upstream', () => {
    for (const name of HOP_BY_HOP) {
      assert.deepEqual(response('A', '1', name.toLowerCase(), 'x', 'B', '2'), ['A', '1', 'B', '2'])
    }
  })

  it('lose what Connection lists, before and behind it', () => {
    assert.deepEqual(response('X-One', '1', 'Connection', 'x-one, X-Two', 'X-TWO', '2', 'K', '3'), [
      'K',
      '3',
    ])
  })

  it('are read byte for byte', () => {
    const raw = [Buffer.from('X-Name'), Buffer.from([0xe9, 0x20, 0xc3, 0xa9])]
    assert.deepEqual(responseHeaders(raw, names), ['X-Name', '\u00e9 \u00c3\u00a9'])
  })
})

describe('The spellings of header names', () => {
  it('are remembered up to a number and right beyond it', () => {
    const many = new HeaderNames()
    for (let i = 0; i < 2_000; i += 1) assert.equal(many.lower(`X-Name-${i}`), `x-name-${i}`)
    assert.equal(many.lower('X-Name-1999'), 'x-name-1999')
  })
})
