import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { WireReader } from '../../src/mcp/wire-message.ts'
import { BridgeHeaders } from '../../src/stdio/bridge-headers.ts'

const EMPTY = Buffer.alloc(0)
const MODERN = { method: 'server/discover', revision: '2026-07-28', name: undefined }

function values(list: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {}
  for (let i = 0; i < list.length; i += 2) record[(list[i] ?? '').toLowerCase()] = list[i + 1] ?? ''
  return record
}

function learn(headers: BridgeHeaders, method: string, answer: object): void {
  const line = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, result: answer }))
  const message = new WireReader().read(line)?.[0] ?? assert.fail('no message')
  headers.learn(line, message, method)
}

describe('The headers of a request that began as a line', () => {
  it('repeat what a message of 2026-07-28 claims', () => {
    const headers = new BridgeHeaders('sidelight/1')
    const about = { method: 'tools/call', revision: '2026-07-28', name: 'größe', sessionId: 's' }
    assert.deepEqual(values(headers.for('message', EMPTY, about)), {
      'user-agent': 'sidelight/1',
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': '=?base64?Z3LDtsOfZQ==?=',
    })
  })

  it('name the session and the revision that the handshake settled on', () => {
    const headers = new BridgeHeaders('sidelight/1')
    learn(headers, 'initialize', { protocolVersion: '2025-06-18' })
    const about = { method: 'tools/list', revision: undefined, name: undefined, sessionId: 's1' }
    const sent = values(headers.for('message', EMPTY, about))
    assert.equal(sent['mcp-session-id'], 's1')
    assert.equal(sent['mcp-protocol-version'], '2025-06-18')
    assert.equal(sent['mcp-method'], undefined)
  })

  it('say nothing of the later era when its client goes back to the handshake', () => {
    const headers = new BridgeHeaders('sidelight/1')
    headers.for('message', EMPTY, { ...MODERN, sessionId: undefined })
    const about = { method: 'initialize', revision: undefined, name: undefined }
    const sent = values(headers.for('message', EMPTY, { ...about, sessionId: undefined }))
    assert.equal(sent['mcp-protocol-version'], undefined)
    assert.equal(sent['mcp-method'], undefined)
  })

  it('belong to the later era for a message that claims nothing, once others have claimed it', () => {
    const headers = new BridgeHeaders('sidelight/1')
    headers.for('message', EMPTY, { ...MODERN, sessionId: undefined })
    const about = { method: 'notifications/x', revision: undefined, name: undefined }
    const sent = values(headers.for('message', EMPTY, { ...about, sessionId: undefined }))
    assert.equal(sent['mcp-protocol-version'], '2026-07-28')
    assert.equal(sent['mcp-method'], 'notifications/x')
  })

  it('repeat the arguments that the tool list declares', () => {
    const headers = new BridgeHeaders('sidelight/1')
    const inputSchema = { properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } }
    learn(headers, 'tools/list', { tools: [{ name: 'look', inputSchema }] })
    const body = Buffer.from(
      JSON.stringify({
        method: 'tools/call',
        params: { name: 'look', arguments: { region: 'eu' } },
      }),
    )
    const about = { method: 'tools/call', revision: '2026-07-28', name: 'look' }
    const sent = values(headers.for('message', body, { ...about, sessionId: undefined }))
    assert.equal(sent['mcp-param-region'], 'eu')
    assert.equal(sent['mcp-name'], 'look')
  })
})
