import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { newSharedHead } from '../../src/core/exchange.ts'
import type { Injection } from '../../src/core/observer.ts'
import {
  headerLines,
  HeaderNames,
  type RequestHeaderRules,
} from '../../src/upstream/forward-headers.ts'
import { ReplyHead } from '../../src/upstream/http1/reply-head.ts'

const names = new HeaderNames()
const PLAIN: RequestHeaderRules = { preserveHost: false, dropCredentials: false, set: new Map() }
const HOST = 'up.example:8080'

const lines = (
  raw: readonly string[],
  rules = PLAIN,
  injection?: Injection,
  plain = false,
): string | undefined => headerLines({ raw, host: HOST, rules, injection, plain }, names)

/** Names and values in turn, without the upstream's own host, which stands first. */
function request(raw: readonly string[], rules = PLAIN, injection?: Injection): string[] {
  const text = lines(raw, rules, injection) ?? assert.fail('the headers were refused')
  const all = text.split('\r\n').slice(0, -1)
  const own = all[0] === `host: ${HOST}` ? all.slice(1) : all
  return own.flatMap((line) => [
    line.slice(0, line.indexOf(': ')),
    line.slice(line.indexOf(': ') + 2),
  ])
}

/** What is passed on of the headers of a reply. */
function response(...raw: string[]): readonly string[] {
  const head = new ReplyHead()
  const text = raw.map((part, index) => (index % 2 === 0 ? `${part}: ` : `${part}\r\n`)).join('')
  head.read(`HTTP/1.1 200 OK\r\n${text}\r\n`)
  assert.deepEqual([head.fault, head.complete], [undefined, true])
  return head.rawHeaders
}

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
    assert.equal(lines(['Host', 'a', 'X', '1']), 'host: up.example:8080\r\nX: 1\r\n')
    const preserve = { ...PLAIN, preserveHost: true }
    assert.equal(lines(['Host', 'a', 'X', '1'], preserve), 'Host: a\r\nX: 1\r\n')
    assert.equal(lines(['X', '1'], preserve), 'host: up.example:8080\r\nX: 1\r\n')
    assert.equal(lines(['Host', 'a', 'host', 'b'], preserve), undefined)
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

describe('What must not be written into a request', () => {
  const bad = ['a\r\nX-Smuggled: 1', 'a\nb', 'a\rb', 'a\0b', 'a\u007fb', 'a\u010ab', 'a\u{1f600}']

  it('is refused in the value of a client’s header', () => {
    for (const value of bad) assert.equal(lines(['X', value]), undefined, JSON.stringify(value))
    assert.deepEqual(request(['X', 'tab\there \u00ff']), ['X', 'tab\there \u00ff'])
  })

  it('is refused in a name', () => {
    for (const name of ['X\r\nY', 'X Y', 'X:', '', 'X\0', 'X\u010a', 'caf\u00e9']) {
      assert.equal(lines([name, '1']), undefined, JSON.stringify(name))
      assert.equal(lines([], setting(name, '1')), undefined, JSON.stringify(name))
    }
  })

  it('is refused in what the operator sets', () => {
    for (const value of bad) assert.equal(lines([], setting('X', value)), undefined)
  })

  it('is refused in trace context and baggage', () => {
    const context = { traceparent: 'p', tracestate: 's', headerBaggage: 'b' }
    assert.equal(
      lines([], PLAIN, context),
      'host: up.example:8080\r\ntraceparent: p\r\ntracestate: s\r\nbaggage: b\r\n',
    )
    for (const value of bad) {
      assert.equal(lines([], PLAIN, { ...context, traceparent: value }), undefined)
      assert.equal(lines([], PLAIN, { ...context, tracestate: value }), undefined)
      assert.equal(lines([], PLAIN, { ...context, headerBaggage: value }), undefined)
    }
  })

  it('matters only in what is written', () => {
    assert.deepEqual(request(['Connection', 'close', 'TE', 'a\r\nb', 'X', '1']), ['X', '1'])
  })
})

describe('A request whose reply has to be read', () => {
  it('does not ask for a compressed one', () => {
    const raw = ['Accept', 'a', 'accept-ENCODING', 'gzip', 'X', '1']
    assert.equal(lines(raw, PLAIN, undefined, true), `host: ${HOST}\r\nAccept: a\r\nX: 1\r\n`)
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
      const value = name === 'Transfer-Encoding' ? 'chunked' : 'x'
      for (const spelled of [name, name.toLowerCase(), name.toUpperCase()]) {
        assert.deepEqual(response('A', '1', spelled, value, 'B', '2'), ['A', '1', 'B', '2'])
      }
    }
  })

  it('lose what Connection lists, before and behind it', () => {
    assert.deepEqual(response('X-One', '1', 'Connection', 'x-one, X-Two', 'X-TWO', '2', 'K', '3'), [
      'K',
      '3',
    ])
  })

  it('are read byte for byte', () => {
    const raw = ['X-Name', Buffer.from([0xe9, 0x20, 0xc3, 0xa9]).toString('latin1')]
    assert.deepEqual(response(...raw), ['X-Name', '\u00e9 \u00c3\u00a9'])
  })
})

describe('The lines of a head that more requests come with', () => {
  const shared = newSharedHead()
  const raw = [
    'X',
    '1',
    'Connection',
    'X-Hop',
    'X-Hop',
    'a',
    'Authorization',
    'b',
    'Baggage',
    'c=d',
  ]
  const of = (rules: RequestHeaderRules, injection?: Injection, plain = false): unknown =>
    headerLines({ raw, shared, host: HOST, rules, injection, plain }, names)
  const START = `host: ${HOST}\r\nX: 1\r\n`

  it('are made once', () => {
    assert.equal(of(PLAIN), `${START}Authorization: b\r\nBaggage: c=d\r\n`)
    const { onward } = shared
    assert.equal(onward?.lines, `${START}Authorization: b\r\nBaggage: c=d\r\n`)
    assert.equal(of(PLAIN), onward.lines)
    assert.equal(shared.onward, onward)
  })

  it('are made anew by other rules, and without what is put in their place', () => {
    assert.equal(of({ ...PLAIN, dropCredentials: true }), `${START}Baggage: c=d\r\n`)
    const injection = { traceparent: '00-1', tracestate: '', headerBaggage: 'e=f' }
    const ours = 'traceparent: 00-1\r\nbaggage: e=f\r\n'
    assert.equal(of(PLAIN, injection), `${START}Authorization: b\r\n${ours}`)
    assert.equal(of(PLAIN), `${START}Authorization: b\r\nBaggage: c=d\r\n`)
    assert.equal(of(PLAIN, { ...injection, traceparent: '\n' }), undefined)
  })

  it('are refused every time when one of them must not be written', () => {
    const odd = newSharedHead()
    const headers = { raw: ['X', 'a\nb'], shared: odd, host: HOST, rules: PLAIN, plain: false }
    for (let i = 0; i < 2; i += 1) {
      assert.equal(headerLines({ ...headers, injection: undefined }, names), undefined)
    }
    assert.equal(odd.onward, undefined)
  })
})

describe('The spellings of header names', () => {
  it('are remembered up to a number and right beyond it', () => {
    const many = new HeaderNames()
    for (let i = 0; i < 2_000; i += 1) {
      assert.equal(many.of(`X-Name-${i}`).lower, `x-name-${i}`)
    }
    assert.equal(many.of('X-Name-1999').lower, 'x-name-1999')
  })

  it('are remembered, and last values too, without the heads that they came in', () => {
    setFlagsFromString('--expose-gc')
    const collect: unknown = runInNewContext('gc')
    const heap = (): number => {
      if (typeof collect === 'function') collect()
      return process.memoryUsage().heapUsed
    }
    const fresh = new HeaderNames()
    const before = heap()
    for (let i = 0; i < 512; i += 1) {
      const head = Buffer.alloc(30_000, `X-Some-Name-${i}: some value ${i}\r\n`).toString('latin1')
      const [name, value] = [head.slice(0, head.indexOf(':')), head.slice(head.indexOf(':') + 2)]
      const raw = [name, value.slice(0, value.indexOf('\r'))]
      const headers = { raw, host: HOST, rules: PLAIN, injection: undefined, plain: false }
      headerLines(headers, fresh)
    }
    const grownMb = (heap() - before) / 1e6
    assert.ok(grownMb < 5, `${grownMb} MB, of heads of 15 MB`)
    assert.equal(fresh.of('X-Some-Name-7').value, 'some value 7')
  })
})
