/** Messages for tests, made by reading them. */

import assert from 'node:assert/strict'
import { createEnvelopeReader } from '../../src/mcp/read-envelope.ts'
import type { Envelope, Message } from '../../src/core/message.ts'

const JSON_HEADERS = { 'content-type': 'application/json' }

export function readEnvelope(body: string | Buffer): Envelope {
  const read = createEnvelopeReader({ depthMax: 100, batchMax: 100 })
  const envelope = read(JSON_HEADERS, Buffer.from(body))
  return envelope.kind === 'envelope' ? envelope : assert.fail(envelope.message)
}

export function readMessages(body: unknown): readonly Message[] {
  return readEnvelope(JSON.stringify(body)).messages
}

export function readMessage(body: string | Buffer): Message {
  const [message] = readEnvelope(body).messages
  assert.ok(message)
  return message
}

export const request = (id: unknown, method: string, params?: object): object => ({
  jsonrpc: '2.0',
  id,
  method,
  ...(params === undefined ? {} : { params }),
})

export const notification = (method: string): object => ({ jsonrpc: '2.0', method })
export const result = (id: unknown, value: object = {}): object => ({
  jsonrpc: '2.0',
  id,
  result: value,
})
export const failure = (id: unknown, code: number, message = 'no'): object => ({
  jsonrpc: '2.0',
  id,
  error: { code, message },
})

/** `params` of a request of the stateless era. */
export const MODERN_PARAMS = {
  _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' },
}
