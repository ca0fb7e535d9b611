import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  checkLegacy,
  checkModern,
  isModernExchange,
} from '../../../src/upstream/stdio/endpoint-rules.ts'
import type { Exchange } from '../../../src/core/exchange.ts'
import { exchangeOf, get } from '../../pipeline/fakes.ts'
import { exchangeFor, wireOf } from './fakes.ts'

type Headers = Readonly<Record<string, string>>

const META = 'io.modelcontextprotocol'
const REVISION = { 'mcp-protocol-version': '2026-07-28' }

function body(method: string, meta: object | undefined, params: object = {}): string {
  const withMeta = meta === undefined ? params : { ...params, _meta: meta }
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: withMeta })
}

const claims = (version: unknown): object => ({
  [`${META}/protocolVersion`]: version,
  [`${META}/clientCapabilities`]: {},
})

describe('A message belongs to the stateless era', () => {
  const isModern = (text: string, headers: Headers = {}): boolean =>
    isModernExchange(exchangeFor(text, headers))

  it('by its own claim, or by the header alone', () => {
    assert.equal(isModern(body('tools/list', claims('2026-07-28'))), true)
    assert.equal(isModern(body('tools/list', undefined), REVISION), true)
    assert.equal(isModern(body('tools/list', claims('3000-01-01'))), true)
    assert.equal(isModern(body('tools/list', claims('nonsense'))), true)
  })

  it('and otherwise not', () => {
    assert.equal(isModern(body('tools/list', undefined)), false)
    const earlier = { 'mcp-protocol-version': '2025-11-25' }
    assert.equal(isModern(body('tools/list', undefined), earlier), false)
    assert.equal(isModern(body('tools/list', claims('2025-06-18'))), false)
    assert.equal(isModern(body('tools/list', claims('2025-06-18')), REVISION), false)
    assert.equal(isModern(`[${body('tools/list', undefined)}]`, REVISION), false)
    assert.equal(isModernExchange(get(REVISION)), false)
  })
})

describe('A request of the stateless era', () => {
  const check = (text: string, headers: Headers): string | undefined => {
    const rejection = checkModern(exchangeFor(text, headers), wireOf(text))
    return rejection === undefined ? undefined : `${rejection.reason}: ${rejection.message}`
  }
  const LIST = { ...REVISION, 'mcp-method': 'tools/list' }
  const CALL = { ...REVISION, 'mcp-method': 'tools/call', 'mcp-name': 'add' }

  it('that is whole passes', () => {
    assert.equal(check(body('tools/list', claims('2026-07-28')), LIST), undefined)
    assert.equal(check(body('tools/call', claims('2026-07-28'), { name: 'add' }), CALL), undefined)
  })

  it('must repeat its revision, its method and its name in headers', () => {
    const call = body('tools/call', claims('2026-07-28'), { name: 'add' })
    const rows = [
      ['mcp-protocol-version', 'MCP-Protocol-Version'],
      ['mcp-method', 'Mcp-Method'],
      ['mcp-name', 'Mcp-Name'],
    ] as const
    for (const [key, name] of rows) {
      const headers = Object.fromEntries(Object.entries(CALL).filter(([one]) => one !== key))
      assert.equal(check(call, headers), `header_mismatch: Header mismatch: ${name} is missing`)
    }
    assert.equal(check(body('tools/list', claims('2026-07-28')), LIST), undefined, 'it has no name')
  })

  it('must say its revision and what the client can do', () => {
    const wrong =
      'invalid_meta: the request lacks io.modelcontextprotocol/protocolVersion or /clientCapabilities in params._meta'
    for (const meta of [
      undefined,
      {},
      { [`${META}/protocolVersion`]: '2026-07-28' },
      { [`${META}/clientCapabilities`]: {} },
      { ...claims('2026-07-28'), [`${META}/clientCapabilities`]: 'all' },
    ]) {
      assert.equal(check(body('tools/list', meta), LIST), wrong, JSON.stringify(meta))
    }
  })

  it('of a revision that is none is told which there are', () => {
    const text = body('tools/list', claims('nonsense'))
    const headers = { ...LIST, 'mcp-protocol-version': 'nonsense' }
    assert.deepEqual(checkModern(exchangeFor(text, headers), wireOf(text)), {
      kind: 'rejected',
      reason: 'unsupported_revision',
      message: 'Unsupported protocol version',
      data: { supported: ['2026-07-28'], requested: 'nonsense' },
    })
  })

  it('of a later revision is left to the server', () => {
    const headers = { ...LIST, 'mcp-protocol-version': '3000-01-01' }
    assert.equal(check(body('tools/list', claims('3000-01-01')), headers), undefined)
  })

  it('may be a notification, which needs no _meta, and never a response', () => {
    const note = '{"jsonrpc":"2.0","method":"notifications/x"}'
    assert.equal(check(note, { ...REVISION, 'mcp-method': 'notifications/x' }), undefined)
    const response = '{"jsonrpc":"2.0","id":1,"result":{}}'
    assert.match(check(response, LIST) ?? '', /^invalid_request/)
  })
})

describe('A request of the handshake era', () => {
  const INITIALIZE = '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}'
  const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
  const SESSION = { 'mcp-session-id': 's' }
  const reason = (exchange: Exchange, initializes = false): string | undefined =>
    checkLegacy(exchange, initializes)?.reason

  it('begins with initialize, and else needs a session', () => {
    assert.equal(reason(exchangeFor(INITIALIZE), true), undefined)
    assert.equal(reason(exchangeFor(PING)), 'session_required')
    assert.equal(reason(exchangeFor(PING, SESSION)), undefined)
    assert.equal(reason(exchangeFor(`[${PING},${PING}]`, SESSION)), undefined)
  })

  it('without a session has no stream to listen to and nothing to end', () => {
    assert.equal(reason(get()), 'method_not_allowed')
    assert.equal(reason(exchangeOf('end_session')), 'method_not_allowed')
    assert.equal(reason(get(SESSION)), undefined)
    assert.equal(reason(exchangeOf('end_session', { headers: SESSION })), undefined)
  })

  it('is made with POST, GET or DELETE', () => {
    assert.equal(reason(exchangeOf('other', { headers: SESSION })), 'method_not_allowed')
  })

  it('does not initialize in a batch', () => {
    assert.equal(reason(exchangeFor(`[${INITIALIZE},${PING}]`), true), 'invalid_request')
  })

  it('names a revision that is known, or none', () => {
    const of = (version: string): string | undefined =>
      reason(exchangeFor(PING, { ...SESSION, 'mcp-protocol-version': version }))
    for (const known of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
      assert.equal(of(known), undefined, known)
    }
    for (const unknown of ['', '1999-01-01', '2025-11-25, 2025-11-25']) {
      assert.equal(of(unknown), 'bad_revision', unknown)
    }
    const first = exchangeFor(INITIALIZE, { 'mcp-protocol-version': 'x' })
    assert.equal(reason(first, true), undefined, 'initialize says its revision in its body')
  })
})
