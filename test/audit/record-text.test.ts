/** What is written is, byte for byte, what JSON.stringify makes of the record, and Node's HMAC of that. */

import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { CallAudit } from '../../src/audit/call-audit.ts'
import { ByteText } from '../../src/audit/byte-text.ts'
import { Callers } from '../../src/audit/callers.ts'
import { CHAIN_START, ChainWriter, follow, type ChainState } from '../../src/audit/chain.ts'
import { HmacKey } from '../../src/audit/digests.ts'
import { Drafts, type Draft, type Recordable } from '../../src/audit/draft.ts'
import type { DurableTrail } from '../../src/audit/call-record.ts'
import { Held, type Pending } from '../../src/audit/held.ts'
import type { AuditLevel, AuditMode } from '../../src/audit/levels.ts'
import { rootOf } from '../../src/audit/merkle.ts'
import { Pages, type Page } from '../../src/audit/pages.ts'
import { Person } from '../../src/audit/person.ts'
import { identitiesOf, RecordText } from '../../src/audit/record-text.ts'
import type { Subject } from '../../src/audit/subject-keys.ts'
import type { AuditEntry, AuditParty, AuditValue } from '../../src/core/audit.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Decision } from '../../src/core/decision.ts'
import type { Call, Exchange } from '../../src/core/exchange.ts'
import { reject, type Outcome } from '../../src/core/outcome.ts'
import { createEnvelopeReader } from '../../src/mcp/read-envelope.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { buffersHeld } from '../support/heap.ts'

const TIME = Date.UTC(2026, 10, 30, 12, 34, 56, 789)

const ODD = [
  'plain',
  '',
  'a"b\\c',
  '\u0000\b\t\n\u001b[31m',
  '\u007f\u0085\u009f',
  'a\u2028b\u2029',
  'half \ud800',
  '\udc00 half',
  'ä€😀',
  'x'.repeat(10_000),
]

/** A key for everybody, which depends on who it is. */
function subjectsFor(drafts: readonly Draft[]): ReadonlyMap<string, Subject> {
  return new Map(
    [...identitiesOf(drafts)].map((who) => [
      who,
      { argumentsKey: new HmacKey(keyOf(who)), pseudonym: `p_${keyOf(who).toString('hex')}` },
    ]),
  )
}

function keyOf(who: string): Buffer {
  return createHash('sha256').update(who).digest()
}

function printed(value: unknown): string {
  const escape = (char: string): string =>
    `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  return JSON.stringify(value).replaceAll(/[\u007f-\u009f\u2028\u2029]/g, escape)
}

function identity({ issuer, subject }: AuditParty, verified: boolean): string {
  return JSON.stringify([verified ? 'verified' : 'claimed', issuer ?? null, subject])
}

/** As the documentation says it, without a thought for what it costs. */
function reference({ type, atWallMs, who, argumentsHash, body }: AuditEntry, seq: number): string {
  const show = (one: AuditParty): Record<string, AuditValue> => ({
    subject: `p_${keyOf(identity(one, who?.verified === true)).toString('hex')}`,
    issuer: one.issuer,
  })
  const hashedBy =
    who?.party === undefined ? '["claimed",null,""]' : identity(who.party, who.verified)
  return printed({
    v: 1,
    seq,
    time: new Date(atWallMs).toISOString(),
    type,
    who: who && {
      ...(who.party && { ...show(who.party), verified: who.verified }),
      organization: who.organization,
      actors: who.actors.length === 0 ? undefined : who.actors.map((actor) => show(actor)),
      session: who.session,
      tokenSession: who.tokenSession,
      address: who.address,
    },
    ...body,
    argumentsHash:
      argumentsHash &&
      createHmac('sha256', keyOf(hashedBy)).update(argumentsHash, 'latin1').digest('base64url'),
  })
}

const PING = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}')

const drafts = new Drafts()
const recordText = new RecordText()

/** What stands in the log, but for the keyed hash. */
function textOf(draft: Draft, seq: number): string {
  // So little room that it is never enough.
  const text = new ByteText(1)
  recordText.open(draft, seq, subjectsFor([draft]), text)
  return `${text.bytes.toString('utf8', 0, text.end)}}`
}

const written = (entry: Recordable, seq: number): string => textOf(drafts.of(entry), seq)

describe('Text that is put together in bytes', () => {
  it('has numbers as JSON has them', () => {
    const text = new ByteText(8)
    const whole = (value: number): void => text.whole(value)
    const thousandths = (value: number): void => text.thousandths(value)
    const said = (write: (value: number) => void, value: number): string => {
      text.clear(Infinity)
      write(value)
      return text.bytes.toString('latin1', 0, text.end)
    }
    for (const value of [0, 1, 9, 10, 99, 100, 4_294_967_296, 999_999_999_999_999, 1e15, -1, NaN]) {
      assert.equal(said(whole, value), String(value))
    }
    for (const value of [0, 0.001, 0.01, 0.5, 1.05, 12.34567, 99.9996, 1e9 + 0.25, -1.5]) {
      assert.equal(said(thousandths, value), String(Math.round(value * 1_000) / 1_000))
    }
    const numbers = fc.double({ min: 0, max: 1e10, noNaN: true })
    const agrees = (value: number): void =>
      assert.equal(said(thousandths, value), String(Math.round(value * 1_000) / 1_000))
    fc.assert(fc.property(numbers, agrees), { numRuns: 500 })
  })

  it('is whole however often it became too long for its place', () => {
    const text = new ByteText(1)
    for (let part = 0; part < 200; part += 1) {
      text.text('ä')
      text.copy(Buffer.from('[bc]'), 1, 3)
    }
    assert.equal(text.bytes.toString('utf8', 0, text.end), 'äbc'.repeat(200))
  })
})

describe('The texts of records that wait', () => {
  it('stay what they are while others are written and their places are used again', () => {
    const waiting: { readonly draft: Draft; readonly said: string }[] = []
    const some = fc.sample(fc.integer({ min: 0, max: 9_000 }), { numRuns: 3_000, seed: 1 })
    for (const [n, length] of some.entries()) {
      const long = n % 500 === 0 ? 100_000 : 0
      const said = `${n} ${'x'.repeat(length + long)}`
      const draft = drafts.of({ type: 'call.ended', atWallMs: TIME, body: { said } })
      waiting.push({ draft, said })
      // As many are let go as come, in any order.
      const [gone] = waiting.length > 300 ? waiting.splice(length % 300, 1) : []
      if (gone === undefined) continue
      assert.ok(textOf(gone.draft, 1).endsWith(`"said":"${gone.said}"}`))
      gone.draft.letGo()
      gone.draft.letGo()
      assert.throws(() => textOf(gone.draft, 1), /let go/)
    }
    for (const { draft, said } of waiting) {
      assert.ok(textOf(draft, 1).endsWith(`"said":"${said}"}`))
    }
  })

  it('take no more room than what waits, however many there were', () => {
    const pages = new Pages()
    const used = new Set<Page>()
    const waiting: Page[] = []
    for (let n = 0; n < 100_000; n += 1) {
      const page = pages.take(600)
      page.used += 600
      used.add(page)
      waiting.push(page)
      const gone = waiting.length > 1_000 ? waiting.shift() : undefined
      if (gone !== undefined) pages.letGo(gone)
    }
    // 109 stand in a page.
    assert.equal(used.size, 11)
  })
})

describe('What is remembered of callers', () => {
  it('holds no memory but its own texts', () => {
    const callers = new Callers(new HmacKey(Buffer.alloc(32)), 'masked')
    const text = new ByteText(1_000)
    const { exchange } = callOf(PING, {}, undefined)
    const before = buffersHeld()
    for (let n = 0; n < 1_000; n += 1) {
      const one = { ...exchange, sessionId: `s${n}`, clientAddress: `192.0.${n % 250}.1` }
      callers.writeFrom(one, callers.senderOf({ ...one, ownerKey: `o${n}` }), text)
      // Others use what small buffers share meanwhile.
      Buffer.allocUnsafe(30_000)
    }
    const more = buffersHeld() - before
    assert.ok(more < 1_000_000, `${more} bytes of buffers`)
    assert.ok(callers.senderOf(exchange) !== undefined)
  })
})

describe('The text of a record', () => {
  it('is what JSON.stringify makes of it, whatever the texts in it hold', () => {
    for (const text of ODD) {
      const party = { issuer: text, subject: text }
      const entry: AuditEntry = {
        type: 'call.ended',
        atWallMs: TIME,
        who: {
          verified: true,
          party,
          organization: text,
          actors: [party, { issuer: undefined, subject: text }],
          session: text,
          tokenSession: text,
          address: text,
        },
        argumentsHash: '\u00ff'.repeat(32),
        body: { upstream: text, [text]: [text, { [text]: 1.5 }], left: undefined, no: false },
      }
      assert.equal(written(entry, 12), reference(entry, 12))
    }
  })

  it('is that for entries of every make', () => {
    const text = fc.string({ unit: 'binary', maxLength: 12 })
    const optional = fc.option(text, { nil: undefined })
    const party = fc.record({ issuer: optional, subject: text })
    const who = fc.record({
      verified: fc.boolean(),
      party: fc.option(party, { nil: undefined }),
      organization: optional,
      actors: fc.array(party, { maxLength: 3 }),
      session: optional,
      tokenSession: optional,
      address: optional,
    })
    const name = text.map((one) => `x${one}`)
    const value = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(undefined))
    const entry = fc.record({
      type: fc.constantFrom('call.attempted', 'admin.action', 'exchange.ended'),
      atWallMs: fc.integer({ min: 0, max: 4e12 }),
      who: fc.option(who, { nil: undefined }),
      argumentsHash: fc.constantFrom(undefined, '\u0080\u0000'.repeat(16)),
      body: fc.dictionary(name, fc.oneof(value, fc.array(text), fc.dictionary(name, value))),
    })
    const agrees = (one: AuditEntry): void => assert.equal(written(one, 3), reference(one, 3))
    fc.assert(fc.property(entry, agrees), { numRuns: 200 })
  })

  it('says when, as a Date would, whatever came before it', () => {
    const times = [
      TIME,
      TIME,
      TIME + 1,
      TIME + 211,
      TIME - 789,
      TIME + 0.9,
      0,
      7,
      -1,
      -1.5,
      -62_198_755_200_001,
    ]
    for (const atWallMs of times) {
      const expected = `{"v":1,"seq":1,"time":"${new Date(atWallMs).toISOString()}","type":"call.ended"}`
      assert.equal(written({ type: 'call.ended', atWallMs, body: {} }, 1), expected)
    }
  })

  it('shows another pseudonym as soon as somebody has another key', () => {
    const actor = { issuer: undefined, subject: 'bot' }
    const who = { verified: true, party: undefined, organization: undefined, actors: [actor] }
    const person = new Person(who)
    const subjects = (pseudonym: string): ReadonlyMap<string, Subject> =>
      new Map([
        ['["verified",null,"bot"]', { argumentsKey: new HmacKey(Buffer.alloc(32)), pseudonym }],
      ])
    const first = subjects('p_1')
    assert.equal(person.text(first), ',"who":{"actors":[{"subject":"p_1"}]')
    assert.equal(person.text(subjects('p_2')), ',"who":{"actors":[{"subject":"p_2"}]')
    assert.equal(person.text(first), ',"who":{"actors":[{"subject":"p_1"}]')
    assert.throws(() => person.text(new Map()), /the key of a subject is missing/)
  })

  it('says how long it would have been where it is too long', () => {
    const entry: AuditEntry = {
      type: 'call.ended',
      atWallMs: TIME,
      body: { x: 'ä'.repeat(524_288) },
    }
    assert.equal(Buffer.byteLength(reference(entry, 1)), 1_048_652)
    assert.equal(
      written(entry, 1),
      '{"v":1,"seq":1,"time":"2026-11-30T12:34:56.789Z","type":"call.ended","omittedBytes":1048652}',
    )
  })
})

interface Scene {
  readonly exchange?: Partial<Exchange>
  readonly decision?: Decision
  readonly params?: string
  readonly method?: string
  readonly level?: 'metadata' | 'request' | 'request_response'
}

const PRINCIPAL: NonNullable<Exchange['principal']> = {
  key: 'k',
  issuer: 'https://idp.example',
  subject: 'alice',
  roles: [],
  scopes: [],
  organization: 'acme',
  sessionId: undefined,
  actors: [],
  expiresAtMs: TIME,
  claims: {},
}

/** Holds until `sayHeld`; what is said then comes before what follows. */
class Trail implements DurableTrail {
  readonly #held = new Held()
  readonly drafts: Draft[] = []
  readonly isDurable: boolean

  constructor(isDurable = true) {
    this.isDurable = isDurable
  }

  add(entry: Recordable): void {
    this.drafts.push(drafts.of(entry))
  }

  addDurably(entries: readonly Recordable[], done: (isDurable: boolean) => void): () => void {
    if (this.isDurable) for (const entry of entries) this.add(entry)
    done(this.isDurable)
    return () => {}
  }

  hold(pending: Pending): void {
    this.#held.add(pending)
  }

  takeBack(pending: Pending): boolean {
    return this.#held.takeBack(pending)
  }

  sayHeld(): void {
    this.drafts.push(...this.#held.take(Infinity))
  }
}

/**
 * The records of one call, the verification of its token left out: that it goes out is recorded before
 * it ends, or with its end when that comes soon.
 */
function recordsOf(
  { exchange: changes, decision, params = '{}', method = 'tools/call', level = 'metadata' }: Scene,
  outcome: Outcome,
  end: 'later' | 'soon' = 'later',
): readonly string[] {
  const clock = new FakeClock()
  clock.nowMs = TIME
  const trail = new Trail()
  const audit = auditOf(trail, () => 'batch', level, clock)
  const body = Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`)
  const call = callOf(body, changes, decision)
  const follower = audit.begin(call)
  audit.attempt(call.exchange)
  if (end === 'later') {
    clock.advance(100)
    trail.sayHeld()
    clock.advance(-100)
  }
  follower.attemptStarted({ upstreamName: '', carrier: 'tcp', address: '', port: 1 }, 1, 0)
  const result = Buffer.from('{"a":"ä\u2028"}')
  if (outcome.kind === 'ok') follower.answered?.({ bytes: 40, resultBytes: result.length, result })
  follower.ended(outcome, 12.3456)
  return trail.drafts
    .filter(({ type }) => type !== 'auth.succeeded')
    .map((draft, index) => textOf(draft, index + 1))
}

function auditOf(
  trail: Trail,
  modeOf: (tool: string | undefined) => AuditMode,
  level: AuditLevel = 'metadata',
  clock: Clock = new FakeClock(),
): CallAudit {
  return new CallAudit({
    trail,
    clock,
    ruleOf: (_upstream, tool) => ({ level, mode: modeOf(tool) }),
    hashesKey: Buffer.alloc(32, 1),
    addresses: 'masked',
    redaction: { denyKeys: [], assignments: /(?!)/g, patterns: [], bytesMax: 1_000 },
    newId: () => 'abcdefghijkl',
  })
}

function callOf(body: Buffer, changes: Scene['exchange'], decision: Decision | undefined): Call {
  const exchange: Exchange = {
    kind: 'message',
    httpMethod: 'POST',
    httpVersion: '1.1',
    carrier: 'tcp',
    upstreamName: 'main',
    path: '/main',
    endpoint: 'mcp',
    query: '',
    rawHeaders: [],
    headers: {},
    body,
    clientAddress: '192.0.2.7',
    clientPort: 1,
    receivedAtMs: 0,
    readAtMs: 0,
    turnMs: 0,
    sessionId: undefined,
    ownerKey: undefined,
    calls: [],
    batch: false,
    ...changes,
  }
  const envelope = createEnvelopeReader({ depthMax: 50, batchMax: 1 })(
    { 'content-type': 'application/json' },
    body,
  )
  assert.ok(envelope.kind !== 'rejected')
  const [message] = envelope.messages
  assert.ok(message !== undefined)
  const trace = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
  const call: Call = {
    exchange,
    message,
    trace: { ...trace, traceFlags: 1 },
    decision,
    outcome: undefined,
  }
  exchange.calls = [call]
  return call
}

const OK: Outcome = { kind: 'ok' }
const TRACE = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
const HEAD = { v: 1, seq: 1, time: '2026-11-30T12:34:56.789Z', type: 'call.attempted' }
const END = { ...HEAD, seq: 2, type: 'call.ended' }
const JOINED = { call: 'abcdefghijkl', upstream: 'main', method: 'tools/call' }
const HOW = { outcome: 'ok', durationMs: 12.346, attempts: 1, result: { bytes: 13 }, trace: TRACE }

/** Of arguments in canonical JSON, with the keys that these tests use. */
function hashOf(canonical: string, who: readonly (string | null)[]): string {
  return createHmac('sha256', keyOf(JSON.stringify(who)))
    .update(createHash('sha256').update(canonical).digest())
    .digest('base64url')
}

function sessionHash(text: string): string {
  return createHmac('sha256', Buffer.alloc(32, 1)).update(text).digest('base64url').slice(0, 22)
}

describe('The records of a call', () => {
  it('say who, what, what was decided, how it ended and where its spans are, in this order', () => {
    const records = recordsOf(
      {
        exchange: {
          principal: {
            ...PRINCIPAL,
            sessionId: 's2',
            actors: [{ issuer: undefined, subject: 'bot' }],
          },
          sessionId: 's1',
        },
        decision: { kind: 'allow', role: 'reader', rule: 'main:"x"', policy: '0123' },
        params: '{"name":"search","arguments":{"q":"x","limit":10}}',
      },
      OK,
    )
    const alice = ['verified', 'https://idp.example', 'alice']
    const who = {
      subject: `p_${keyOf(JSON.stringify(alice)).toString('hex')}`,
      issuer: 'https://idp.example',
      verified: true,
      organization: 'acme',
      actors: [{ subject: `p_${keyOf('["verified",null,"bot"]').toString('hex')}` }],
      session: sessionHash('mcp session s1'),
      tokenSession: sessionHash('token session s2'),
      address: '192.0.2.0/24',
    }
    assert.deepEqual(records, [
      printed({
        ...HEAD,
        who,
        ...JOINED,
        tool: 'search',
        arguments: { bytes: 20, form: 'canonical' },
        decision: { effect: 'allow', role: 'reader', rule: 'main:"x"', policy: '0123' },
        trace: TRACE,
        argumentsHash: hashOf('{"limit":10,"q":"x"}', alice),
      }),
      printed({ ...END, who, ...JOINED, tool: 'search', ...HOW }),
    ])
  })

  it('are one when it ends soon, which says everything', () => {
    const decision = { kind: 'allow', role: 'reader', rule: 'main:*', policy: '0123' } as const
    const params = '{"name":"search","arguments":{"q":"x"}}'
    assert.deepEqual(recordsOf({ decision, params, level: 'request' }, OK, 'soon'), [
      printed({
        ...END,
        seq: 1,
        who: { address: '192.0.2.0/24' },
        ...JOINED,
        tool: 'search',
        arguments: { bytes: 9, form: 'canonical', shown: '{"q":"x"}' },
        outcome: 'ok',
        decision: { effect: 'allow', role: 'reader', rule: 'main:*', policy: '0123' },
        durationMs: 12.346,
        attempts: 1,
        result: { bytes: 13 },
        trace: TRACE,
        argumentsHash: hashOf('{"q":"x"}', ['claimed', null, '']),
      }),
    ])
  })

  it('name whom nobody has checked, or nobody, and hash arguments with a key all the same', () => {
    const params = '{"name":"search","arguments":{"q":"\\u00e4"}}'
    const arguments_ = { bytes: 14, form: 'canonical' }
    const [claimed] = recordsOf(
      { exchange: { ownerKey: 'i s', clientAddress: undefined }, params },
      OK,
    )
    const who = ['claimed', null, 'i s']
    const subject = `p_${keyOf(JSON.stringify(who)).toString('hex')}`
    const said = { ...JOINED, tool: 'search', arguments: arguments_, trace: TRACE }
    assert.equal(
      claimed,
      printed({
        ...HEAD,
        who: { subject, verified: false },
        ...said,
        argumentsHash: hashOf('{"q":"ä"}', who),
      }),
    )
    const [nobody] = recordsOf({ params }, OK)
    assert.equal(
      nobody,
      printed({
        ...HEAD,
        who: { address: '192.0.2.0/24' },
        ...said,
        argumentsHash: hashOf('{"q":"ä"}', ['claimed', null, '']),
      }),
    )
    const [neither] = recordsOf(
      { exchange: { clientAddress: undefined }, method: 'tools/list' },
      OK,
    )
    assert.equal(
      neither,
      printed({ ...HEAD, who: {}, ...JOINED, method: 'tools/list', trace: TRACE }),
    )
  })

  it('show arguments and results where the level says so', () => {
    const params = '{"name":"search","arguments":{"q":" \\n"}}'
    const records = recordsOf({ params, level: 'request_response' }, OK)
    const [attempted = '', ended = ''] = records
    assert.match(
      attempted,
      /"arguments":\{"bytes":13,"form":"canonical","shown":"\{\\"q\\":\\"\\u2028\\\\n\\"\}"\}/,
    )
    assert.match(ended, /"result":\{"bytes":13,"shown":"\{\\"a\\":\\"ä\\u2028\\"\}"\},"trace"/)
    assert.match(
      recordsOf({ params, level: 'request' }, OK)[1] ?? '',
      /"result":\{"bytes":13\},"trace"/,
    )
  })

  it('name what was called as it was called, in printable characters, cut after 256', () => {
    const name = `a" ä${'x'.repeat(300)}`
    const rows = [
      ['tools/call', { name, arguments: 1 }, { tool: name.slice(0, 256) }],
      ['tools/call', { name: '' }, { tool: '' }],
      ['tools/call', {}, {}],
      ['prompts/get', { name: 'p' }, { prompt: 'p' }],
      ['resources/read', { uri: 'https://u:p@h/x?token=1' }, { resource: 'https://h/x' }],
      ['ping', {}, {}],
    ] as const
    for (const [method, params, shown] of rows) {
      const [, ended] = recordsOf({ method, params: JSON.stringify(params) }, OK)
      const who = { address: '192.0.2.0/24' }
      assert.equal(ended, printed({ ...END, who, ...JOINED, method, ...shown, ...HOW }))
    }
  })

  it('say how it ended, for every kind of end', () => {
    const rows: readonly (readonly [Outcome, Readonly<Record<string, unknown>>])[] = [
      [{ kind: 'tool_error' }, { outcome: 'tool_error', errorType: 'tool_error' }],
      [{ kind: 'input_required' }, { outcome: 'input_required' }],
      [{ kind: 'task' }, { outcome: 'task' }],
      [{ kind: 'cancelled' }, { outcome: 'cancelled', errorType: 'cancelled' }],
      [{ kind: 'internal' }, { outcome: 'internal', errorType: 'internal' }],
      [
        { kind: 'rpc_error', code: -32_000, message: 'hidden' },
        { outcome: 'rpc_error', code: -32_000, errorType: '-32000' },
      ],
      [
        { kind: 'upstream_status', status: 404 },
        { outcome: 'upstream_status', status: 404, errorType: '404' },
      ],
      [
        { kind: 'upstream_failed', reason: 'timeout', sent: true },
        { outcome: 'upstream_failed', reason: 'timeout', errorType: 'timeout' },
      ],
    ]
    for (const [outcome, said] of rows) {
      const [, ended] = recordsOf({ method: 'ping' }, outcome)
      const how = { durationMs: 12.346, attempts: 1, trace: TRACE }
      const who = { address: '192.0.2.0/24' }
      assert.equal(ended, printed({ ...END, who, ...JOINED, method: 'ping', ...said, ...how }))
    }
  })

  it('say of a batch that went out or did not, as one of its calls had to wait for its record', () => {
    const typesOf = (isDurable: boolean): readonly string[] => {
      const trail = new Trail(isDurable)
      const audit = auditOf(trail, (tool) => (tool === 'strict' ? 'strict' : 'batch'))
      const calls = ['free', 'strict'].map((name) => {
        const params = JSON.stringify({ name })
        const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`
        return callOf(Buffer.from(body), {}, undefined)
      })
      const followers = calls.map((call) => audit.begin(call))
      const exchange = calls[0]?.exchange
      assert.ok(exchange !== undefined)
      exchange.calls = calls
      audit.attempt(exchange)?.start(() => {})
      const why = reject('audit_unavailable', '')
      for (const follower of followers) follower.ended(isDurable ? OK : why, 1)
      return trail.drafts.map(({ type }) => type)
    }
    assert.deepEqual(typesOf(true), ['call.attempted', 'call.ended', 'call.ended'])
    assert.deepEqual(typesOf(false), ['call.refused', 'call.refused'])
  })

  it('say which rule would have denied it, and the decision that counts after a reload', () => {
    const deny: Decision = {
      kind: 'deny',
      reason: 'no_rule',
      role: undefined,
      rule: undefined,
      scopes: ['x'],
      dryRun: true,
      policy: '1',
    }
    const [would = ''] = recordsOf({ method: 'ping', decision: deny }, OK)
    assert.match(
      would,
      /"decision":\{"effect":"deny","reason":"no_rule","policy":"1","dryRun":true\}/,
    )
  })
})

describe('The lines of a log', () => {
  it('carry the HMAC that Node makes, and have the roots of the tree that verify makes, however long they are', () => {
    const key = Buffer.alloc(32, 9)
    const chain = new ChainWriter(new HmacKey(key))
    const lengths = [0, 1, 50, 96, 97, 700, 3, 20_000, 1, 300_000, 64, 64, 1_500_000, 2]
    let state: ChainState = CHAIN_START
    for (let group = 0; group < 4; group += 1) {
      chain.begin(state)
      let expected = state
      const lines: Buffer[] = []
      for (const [index, length] of lengths.slice(0, lengths.length - group).entries()) {
        const open = `{"seq":${index},"x":"${'ä'.repeat(length)}€"`
        const leaf = createHash('sha256').update('\0').update(open).digest()
        const mac = createHmac('sha256', key).update(expected.mac).update(leaf).digest('base64url')
        const line = Buffer.from(`${open},"mac":"${mac}"}`)
        const next = follow(expected, line)
        assert.ok(next !== undefined)
        expected = next
        lines.push(line, Buffer.from('\n'))
        chain.text.text(open.slice(0, 5))
        chain.text.text(open.slice(5))
        chain.close()
        assert.equal(chain.size, expected.tree.size)
      }
      const end = chain.end()
      assert.ok(end.lines.equals(Buffer.concat(lines)))
      assert.deepEqual(end.state, expected)
      assert.deepEqual(rootOf(end.state.tree), rootOf(expected.tree))
      state = end.state
    }
  })
})
