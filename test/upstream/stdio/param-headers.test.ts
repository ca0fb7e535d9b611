import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { ParamHeaders } from '../../../src/upstream/stdio/param-headers.ts'
import type { Flight } from '../../../src/upstream/transport.ts'
import { parseJson } from '../../support/json.ts'
import { exchangeFor, FakeProcess, FakeSink, wireOf } from './fakes.ts'

const VERSION = 'io.modelcontextprotocol/protocolVersion'

interface Guarded {
  readonly sink: FakeSink
  readonly flight: Flight
  readonly sent: () => number
  readonly aborted: () => number
}

class Scene {
  now = 0
  readonly process = new FakeProcess()
  readonly params = new ParamHeaders(this.process, () => this.now)

  /** A call of a tool with these arguments and headers. */
  call(name: string, args: unknown, headers: Readonly<Record<string, string>> = {}): Guarded {
    const body = {
      id: 1,
      method: 'tools/call',
      params: { name, arguments: args, _meta: { [VERSION]: '2026-07-28' } },
    }
    const sink = new FakeSink()
    let sent = 0
    let aborted = 0
    const flight = this.params.guard(exchangeFor(JSON.stringify(body), headers), sink, () => {
      sent += 1
      return { abort: () => void (aborted += 1), resume: () => {} }
    })
    return { sink, flight, sent: () => sent, aborted: () => aborted }
  }

  /** The server answers our newest question. */
  answer(result: unknown, id = this.question().id): boolean {
    return this.hear({ jsonrpc: '2.0', id, result })
  }

  hear(message: unknown): boolean {
    const line = JSON.stringify(message)
    const [wire] = wireOf(line)
    assert.ok(wire)
    return this.params.received(Buffer.from(line), wire)
  }

  question(): { id: string; method: string; params: { cursor?: string; _meta: object } } {
    return parseJson(this.process.last)
  }

  /** The tools are known: `add` has declared arguments, `plain` has none. */
  learn(): void {
    this.call('plain', {})
    this.answer({ tools: [ADD, { name: 'plain', inputSchema: { type: 'object' } }] })
  }
}

const ADD = {
  name: 'add',
  inputSchema: {
    type: 'object',
    properties: {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      count: { type: 'number', 'x-mcp-header': 'Count' },
      dry: { type: 'boolean', 'x-mcp-header': 'Dry' },
      deep: { properties: { er: { type: 'string', 'x-mcp-header': 'Deep' } } },
      free: { type: 'string' },
    },
  },
}

describe('The first call of a tool', () => {
  it('waits until the server has said which arguments are repeated in headers', () => {
    const scene = new Scene()
    const calls = [scene.call('add', {}), scene.call('add', {})]
    assert.equal(scene.process.lines.length, 1, 'the server is asked once')
    const { method, params } = scene.question()
    assert.equal(method, 'tools/list')
    assert.deepEqual(params._meta, {
      [VERSION]: '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: 'sidelight', version: '0' },
    })
    assert.deepEqual(
      calls.map(({ sent }) => sent()),
      [0, 0],
    )
    assert.equal(scene.answer({ tools: [ADD] }), true)
    assert.deepEqual(
      calls.map(({ sent }) => sent()),
      [1, 1],
    )
  })

  it('asks for every page', () => {
    const scene = new Scene()
    const { sink, sent } = scene.call('add', { region: 'eu' })
    scene.answer({ tools: [{ name: 'a' }], nextCursor: 'c1' })
    assert.equal(sent(), 0)
    assert.equal(scene.question().params.cursor, 'c1')
    scene.answer({ tools: [ADD] })
    assert.equal(sink.status, 400)
  })

  it('asks for no more than 32 pages', () => {
    const scene = new Scene()
    const { sent } = scene.call('add', {})
    for (let page = 1; page <= 32; page += 1) {
      assert.equal(sent(), 0)
      scene.answer({ tools: [], nextCursor: `c${page}` })
    }
    assert.equal(sent(), 1)
    assert.equal(scene.process.lines.length, 32)
  })

  it('goes on unchecked when the server does not answer in time, fails, or has ended', () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      const late = new Scene()
      const waiting = late.call('add', { region: 'eu' })
      mock.timers.tick(4_999)
      assert.equal(waiting.sent(), 0)
      mock.timers.tick(1)
      assert.equal(waiting.sent(), 1)
      const failed = new Scene()
      const refused = failed.call('add', { region: 'eu' })
      failed.hear({ id: failed.question().id, error: { code: -32_601, message: 'm' } })
      assert.equal(refused.sent(), 1)
      const ended = new Scene()
      const left = ended.call('add', { region: 'eu' })
      ended.params.fail()
      assert.equal(left.sent(), 1)
    } finally {
      mock.timers.reset()
    }
  })

  it('is not sent at all when its client has gone before', () => {
    const scene = new Scene()
    const gone = scene.call('add', {})
    const other = scene.call('add', {})
    gone.flight.abort()
    scene.answer({ tools: [ADD] })
    assert.deepEqual([gone.sent(), other.sent()], [0, 1])
    other.flight.abort()
    assert.equal(other.aborted(), 1)
  })
})

describe('A call whose tool declares arguments', () => {
  const check = (args: unknown, headers: Readonly<Record<string, string>> = {}): string => {
    const scene = new Scene()
    scene.learn()
    const { sink, sent } = scene.call('add', args, headers)
    if (sent() === 1) return 'sent'
    assert.equal(sink.status, 400)
    assert.ok(sink.ended)
    const { id, error } = parseJson<{ id: number; error: { code: number; message: string } }>(
      sink.text,
    )
    assert.deepEqual([id, error.code], [1, -32_020])
    return error.message
  }

  it('is sent when its headers agree with them', () => {
    assert.equal(check({}), 'sent')
    assert.equal(check({ free: 'x' }), 'sent')
    assert.equal(check({ region: 'eu' }, { 'mcp-param-region': 'eu' }), 'sent')
    assert.equal(check({ region: 'é' }, { 'mcp-param-region': '=?base64?w6k=?=' }), 'sent')
    assert.equal(check({ count: 42 }, { 'mcp-param-count': '42.0' }), 'sent')
    assert.equal(check({ count: -0.5 }, { 'mcp-param-count': '-0.5' }), 'sent')
    assert.equal(check({ dry: false }, { 'mcp-param-dry': 'false' }), 'sent')
    assert.equal(check({ deep: { er: 'x' } }, { 'mcp-param-deep': 'x' }), 'sent')
    assert.equal(check({ region: null }), 'sent')
    assert.equal(check(undefined), 'sent')
  })

  it('is refused when they do not', () => {
    const rows = [
      [{ region: 'eu' }, {}, 'Mcp-Param-Region is missing'],
      [
        { region: 'eu' },
        { 'mcp-param-region': 'us' },
        'Mcp-Param-Region does not match the argument region',
      ],
      [
        { region: 'eu' },
        { 'mcp-param-region': 'EU' },
        'Mcp-Param-Region does not match the argument region',
      ],
      [
        { region: 'é' },
        { 'mcp-param-region': '=?base64?!?=' },
        'Mcp-Param-Region is no valid base64',
      ],
      [
        { count: 42 },
        { 'mcp-param-count': '43' },
        'Mcp-Param-Count does not match the argument count',
      ],
      [
        { count: 0 },
        { 'mcp-param-count': '' },
        'Mcp-Param-Count does not match the argument count',
      ],
      [
        { dry: true },
        { 'mcp-param-dry': 'false' },
        'Mcp-Param-Dry does not match the argument dry',
      ],
      [{ deep: { er: 'x' } }, {}, 'Mcp-Param-Deep is missing'],
    ] as const
    for (const [args, headers, message] of rows) {
      assert.equal(check(args, headers), `Header mismatch: ${message}`)
    }
  })

  it('does not tell what the argument was', () => {
    assert.doesNotMatch(
      check({ region: 'SECRET' }, { 'mcp-param-region': 'HIDDEN' }),
      /SECRET|HIDDEN/,
    )
  })
})

describe('What the server has said', () => {
  it('is believed for a minute', () => {
    const scene = new Scene()
    scene.learn()
    const { length } = scene.process.lines
    scene.now = 59_999
    scene.call('plain', {})
    assert.equal(scene.process.lines.length, length)
    scene.now = 60_000
    const { sent } = scene.call('plain', {})
    assert.deepEqual([scene.process.lines.length, sent()], [length + 1, 0])
  })

  it('is forgotten when it says that its tools have changed', () => {
    const scene = new Scene()
    scene.learn()
    assert.equal(scene.hear({ method: 'notifications/tools/list_changed' }), false)
    const { sink, sent } = scene.call('add', { region: 'eu' })
    assert.deepEqual([sent(), sink.status], [0, undefined])
    scene.answer({ tools: [{ name: 'add' }] })
    assert.equal(sent(), 1)
  })

  it('is told from answers to clients, and counts once', () => {
    const scene = new Scene()
    const { sent } = scene.call('add', {})
    const { id } = scene.question()
    for (const other of [1, id.replace('1', '2'), null]) {
      assert.equal(scene.hear({ id: other, result: { tools: [] } }), false, String(other))
    }
    assert.equal(sent(), 0)
    assert.equal(scene.answer({ tools: [], nextCursor: 'x' }, id), true)
    assert.equal(scene.answer({ tools: [] }, id), false, 'the first question has been answered')
  })

  it('may be anything without harm', () => {
    for (const result of [
      null,
      1,
      [],
      {},
      { tools: 7 },
      { tools: [null, 1, { name: 7 }] },
      { tools: [{ name: 'add', inputSchema: { properties: null, 'x-mcp-header': 7 } }] },
    ]) {
      const scene = new Scene()
      const { sent } = scene.call('add', { region: 'eu' })
      scene.answer(result)
      assert.equal(sent(), 1, JSON.stringify(result))
    }
  })
})
