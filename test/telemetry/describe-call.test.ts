import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { headerOf, type Exchange } from '../../src/core/exchange.ts'
import { AgreedRevisions } from '../../src/telemetry/agreed-revisions.ts'
import {
  createCallDescriber,
  callAttributes,
  serverAttributes,
  type CallDescription,
} from '../../src/telemetry/describe-call.ts'
import type { AttributeValue } from '../../src/telemetry/span.ts'
import { readMessage, request } from '../mcp/messages.ts'
import { post } from '../pipeline/fakes.ts'
import { parseJson } from '../support/json.ts'

const describeCall = createCallDescriber(
  {
    methods: new Set(['tools/call', 'prompts/get', 'resources/read', 'ping', 'initialize']),
    revisions: new Set(['2025-11-25']),
    upstreams: new Set(['up']),
  },
  new AgreedRevisions(),
)

type Attributes = Readonly<Record<string, AttributeValue>>

interface About extends Omit<CallDescription, 'attributes'> {
  readonly attributes: Attributes
  readonly serverAttributes: Attributes
}

function about(message: object, given: Partial<Exchange> = {}): About {
  const sessionId = headerOf(given.headers ?? {}, 'mcp-session-id')
  const exchange = { ...post(''), sessionId, ...given }
  const read = { exchange, message: readMessage(JSON.stringify(message)) }
  const call = { ...read, trace: undefined, outcome: undefined }
  const description = describeCall(call)
  return {
    ...description,
    attributes: toRecord([...description.attributes[exchange.carrier], ...callAttributes(call)]),
    serverAttributes: toRecord(serverAttributes(call)),
  }
}

function toRecord(list: readonly AttributeValue[]): Attributes {
  const names = list.filter((_, index) => index % 2 === 0)
  assert.equal(new Set(names).size, names.length, 'each attribute stands once')
  return Object.fromEntries(names.map((name, index) => [name, list[2 * index + 1] ?? '']))
}

describe('A call', () => {
  it('to a tool is described by its tool', () => {
    const call = about(request('a', 'tools/call', { name: 'add' }), {
      headers: { 'mcp-session-id': 's', 'mcp-protocol-version': '2025-11-25' },
    })
    assert.deepEqual(call, {
      spanName: 'tools/call add',
      method: 'tools/call',
      tool: 'add',
      prompt: undefined,
      upstream: 'up',
      operationName: 'execute_tool',
      protocolVersion: '2025-11-25',
      attributes: {
        'mcp.method.name': 'tools/call',
        'sidelight.upstream.name': 'up',
        'gen_ai.tool.name': 'add',
        'network.transport': 'tcp',
        'network.protocol.name': 'http',
        'gen_ai.operation.name': 'execute_tool',
        'jsonrpc.request.id': 'a',
        'mcp.protocol.version': '2025-11-25',
        'mcp.session.id': 's',
      },
      serverAttributes: {
        'network.protocol.version': '1.1',
        'client.address': '127.0.0.1',
        'client.port': 5_000,
      },
      handles: new Map(),
    })
  })

  it('for a prompt is described by its prompt, and executes no tool', () => {
    const call = about(request(1, 'prompts/get', { name: 'p' }))
    assert.equal(call.spanName, 'prompts/get p')
    assert.equal(call.prompt, 'p')
    assert.equal(call.operationName, '')
    assert.equal(call.attributes['gen_ai.operation.name'], undefined)
  })

  it('about a resource shows its URI, and not in the name of the span', () => {
    const call = about(request(1, 'resources/read', { uri: 'file:///a' }))
    assert.equal(call.spanName, 'resources/read')
    assert.equal(call.attributes['mcp.resource.uri'], 'file:///a')
  })

  it('about a resource shows neither the user information nor the query of its URI', () => {
    const shown = (uri: string): unknown =>
      about(request(1, 'resources/read', { uri })).attributes['mcp.resource.uri']
    assert.equal(shown('https://user:pass@h.example/a?token=t#f'), 'https://h.example/a')
    assert.equal(shown('https://u@h.example:81/a/b'), 'https://h.example:81/a/b')
    assert.equal(shown('https://a@b@h.example/'), 'https://h.example/')
    assert.equal(shown('db+x://u:p@h?key=k'), 'db+x://h')
    assert.equal(shown('file:///a@b?c'), 'file:///a@b')
    assert.equal(shown('note:a@b'), 'note:a@b')
    assert.equal(shown('note:a?secret\nsecret'), 'note:a')
  })

  it('has bounded values where clients could make them up', () => {
    const call = about(request(1, 'made/up'), {
      upstreamName: 'made-up',
      headers: { 'mcp-protocol-version': '1999-01-01' },
    })
    assert.equal(call.method, '_OTHER')
    assert.equal(call.upstream, '_OTHER')
    assert.equal(call.protocolVersion, '_OTHER')
    assert.equal(call.spanName, 'made/up')
    assert.equal(call.attributes['mcp.protocol.version'], '1999-01-01')
  })

  it('with names that are not plain shows none of them', () => {
    const call = about(request(1, 'tools/call', { name: 'a\nb' }))
    assert.equal(call.spanName, 'tools/call')
    assert.equal(call.tool, undefined)
    assert.equal(about(request(1, 'x'.repeat(200))).spanName, '_OTHER')
    assert.equal(about(request(1, 'tools/call', { name: 'a\u009b31m' })).tool, undefined)
    const lone = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud800"}}'
    assert.equal(about(parseJson<object>(lone)).spanName, 'tools/call')
  })

  it('shows its id as it was written, and none that is null or missing', () => {
    const id = (message: object): unknown => about(message).attributes['jsonrpc.request.id']
    assert.equal(id(request(7, 'ping')), '7')
    assert.equal(id(request('', 'ping')), '')
    assert.equal(id(request(null, 'ping')), undefined)
    assert.equal(id({ jsonrpc: '2.0', method: 'ping' }), undefined)
  })

  it('shows its JSON-RPC version only when it is not 2.0', () => {
    const version = (jsonrpc: string): unknown =>
      about({ jsonrpc, id: 1, method: 'ping' }).attributes['jsonrpc.protocol.version']
    assert.equal(version('2.0'), undefined)
    assert.equal(version('1.0'), '1.0')
  })

  it('over the pipes of a wrapped server has neither HTTP nor an address', () => {
    const call = about(request(1, 'ping'), { carrier: 'pipe' })
    assert.deepEqual(call.attributes, {
      'mcp.method.name': 'ping',
      'sidelight.upstream.name': 'up',
      'network.transport': 'pipe',
      'jsonrpc.request.id': '1',
    })
    assert.deepEqual(call.serverAttributes, {})
  })

  it('takes the revision of its own before that of the headers', () => {
    const headers = { 'mcp-protocol-version': '2024-11-05' }
    const params = { protocolVersion: '2025-11-25' }
    assert.equal(about(request(1, 'initialize', params), { headers }).protocolVersion, '2025-11-25')
    assert.equal(about(request(1, 'ping'), { headers: {} }).protocolVersion, '')
  })

  it('is described once, also when many kinds of calls take turns', () => {
    const make = (name: string, method = 'tools/call'): CallDescription => {
      const message = readMessage(JSON.stringify(request(1, method, { name })))
      return describeCall({ exchange: post(''), message, trace: undefined, outcome: undefined })
    }
    const names = Array.from({ length: 40 }, (_, i) => `tool${i}`)
    const first = names.map((name) => make(name))
    for (const [i, name] of names.entries()) assert.equal(make(name), first[i])
    assert.notEqual(make('tool1', 'prompts/get'), first[1])
  })

  it('is never taken for another, however its names are cut', () => {
    const make = (method: string, name: string): CallDescription => {
      const message = readMessage(JSON.stringify(request(1, method, { name })))
      return describeCall({ exchange: post(''), message, trace: undefined, outcome: undefined })
    }
    assert.equal(make('tools/call', 'x').tool, 'x')
    assert.equal(make('tools/callx', '').tool, undefined)
    assert.equal(make('tools/call', 'undefined').tool, 'undefined')
    assert.equal(make('prompts/get', 'x').prompt, 'x')
  })
})
