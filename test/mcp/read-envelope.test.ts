import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { HeaderRecord } from '../../src/core/exchange.ts'
import type { Envelope, JsonRpcId, Message } from '../../src/core/message.ts'
import { createEnvelopeReader, isJsonType } from '../../src/mcp/read-envelope.ts'
import { decodeHeaderValue } from '../../src/mcp/mirrored-headers.ts'
import { isModern } from '../../src/mcp/revisions.ts'
import { MODERN_PARAMS, readMessage } from './messages.ts'

const read = createEnvelopeReader({ depthMax: 8, batchMax: 3 })
const JSON_TYPE = { 'content-type': 'application/json' }

function envelopeOf(body: string): Envelope {
  const envelope = read(JSON_TYPE, Buffer.from(body))
  return envelope.kind === 'envelope' ? envelope : assert.fail(envelope.message)
}

function refusal(body: string, headers: HeaderRecord = JSON_TYPE): string {
  const envelope = read(headers, Buffer.from(body))
  return envelope.kind === 'rejected' ? envelope.reason : (envelope.fault?.reason ?? 'accepted')
}

const idOf = (id: string): JsonRpcId =>
  readMessage(`{"id":${id},"method":"ping"}`).id ?? assert.fail('no id')

/** The fields of a message that a test is not about. */
function about(message: Message): object {
  return Object.fromEntries(
    Object.entries(message).filter(
      ([key, value]) => value !== undefined && value !== false && key !== 'splice',
    ),
  )
}

describe('An id', () => {
  it('is kept as it was written', () => {
    const raws = [
      '0',
      '""',
      '"1"',
      '1',
      '1.0',
      '1e2',
      '9007199254740993',
      '-1',
      '1.5',
      '"a\\u0041"',
    ]
    for (const raw of raws) assert.equal(idOf(raw).raw, raw)
    assert.equal(idOf(' 7 ').raw, '7')
  })

  it('has an equal key exactly when it is an equal value', () => {
    const key = (raw: string): string => idOf(raw).key
    const groups = [
      ['0', '-0', '0.0', '0e5'],
      ['""'],
      ['"1"', '"\\u0031"'],
      ['1', '1.0', '10e-1'],
      ['100', '1e2', '1E+2'],
      ['1.5', '15e-1'],
      ['null'],
      ['"null"'],
      ['"a"', '"\\u0061"'],
      ['"n1"'],
      ['"s1"'],
    ]
    const keys = groups.map((group) => {
      const own = new Set(group.map(key))
      assert.equal(own.size, 1, group.join(' '))
      return key(group[0] ?? '')
    })
    assert.equal(new Set(keys).size, groups.length)
  })

  it('beyond 2^53 has the key that a JavaScript upstream will echo', () => {
    const sent = idOf('9007199254740993')
    const echoed = idOf('9007199254740992')
    assert.equal(sent.key, echoed.key)
  })

  it('may be null, and is then an id', () => {
    assert.equal(readMessage('{"id":null,"method":"ping"}').kind, 'request')
  })

  it('must be a string or a number of at most 1024 bytes', () => {
    for (const id of ['{}', '[]', 'true', 'false', '[1]']) {
      assert.equal(refusal(`{"id":${id},"method":"ping"}`), 'invalid_request', id)
    }
    assert.equal(refusal(`{"id":"${'x'.repeat(1022)}","method":"ping"}`), 'accepted')
    assert.equal(refusal(`{"id":"${'x'.repeat(1023)}","method":"ping"}`), 'invalid_request')
    assert.equal(refusal(`{"id":${'1'.repeat(1025)},"method":"ping"}`), 'invalid_request')
  })
})

describe('A message', () => {
  it('of any method, with any further keys and params, is read', () => {
    const bodies = [
      '{"method":"x/unknown","id":1}',
      '{"jsonrpc":"2.0","id":1,"method":"ping","extra":{"a":[1]},"id2":2}',
      '{"method":"ping","id":1,"params":[1,2]}',
      '{"method":"ping","id":1,"params":null}',
      '{"method":"ping","id":1,"params":{"_meta":7}}',
      '{"method":"ping","id":1,"params":{"_meta":[{}]}}',
      '{"method":"ping","id":1,"params":{"name":{},"uri":5,"_meta":{"progressToken":{}}}}',
      '{"method":"","id":1}',
      '{"jsonrpc":"1.0","method":"ping","id":1}',
    ]
    for (const body of bodies) assert.equal(refusal(body), 'accepted', body)
  })

  it('with an id is a request, without one a notification', () => {
    assert.equal(readMessage('{"id":0,"method":"ping"}').kind, 'request')
    const message = readMessage('{"jsonrpc":"2.0","method":"notifications/initialized"}')
    assert.equal(message.kind, 'notification')
    assert.equal(message.id, undefined)
  })

  it('without a method is a response when it has a result or an error', () => {
    const bodies = [
      '{"id":1,"result":{}}',
      '{"id":1,"result":null}',
      '{"id":"s","error":{"code":1}}',
      '{"id":null,"error":{"code":-32700,"message":"x"}}',
      '{"error":{}}',
    ]
    for (const body of bodies) {
      const message = readMessage(body)
      assert.equal(message.kind, 'response', body)
      assert.equal(message.method, '')
    }
    for (const body of ['{}', '{"id":1}', '{"jsonrpc":"2.0","id":1,"params":{}}']) {
      assert.equal(refusal(body), 'invalid_request', body)
    }
  })

  it('must name its method in a string of at most 1024 bytes', () => {
    for (const method of ['1', 'null', '{}', '["ping"]', `"${'m'.repeat(1023)}"`]) {
      assert.equal(refusal(`{"id":1,"method":${method}}`), 'invalid_request', method)
    }
    assert.equal(refusal(`{"id":1,"method":"${'m'.repeat(1022)}"}`), 'accepted')
  })

  it('gives its tool or prompt as target', () => {
    const target = (method: string): unknown =>
      readMessage(`{"id":1,"method":"${method}","params":{"name":"add","uri":"u"}}`).target
    assert.equal(target('tools/call'), 'add')
    assert.equal(target('prompts/get'), 'add')
    assert.equal(target('tools/list'), undefined)
    assert.equal(target('resources/read'), undefined)
  })

  it('gives the URI of the resource it is about', () => {
    const uri = (method: string): unknown =>
      readMessage(`{"id":1,"method":"${method}","params":{"uri":"file:///a"}}`).resourceUri
    const methods = ['read', 'subscribe', 'unsubscribe'].map((name) => `resources/${name}`)
    for (const method of [...methods, 'notifications/resources/updated']) {
      assert.equal(uri(method), 'file:///a', method)
    }
    for (const method of ['resources/list', 'tools/call']) assert.equal(uri(method), undefined)
  })

  it('gives what else is needed of it', () => {
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","task":{},
      "_meta":{"progressToken":"t","traceparent":"p","tracestate":"s",
      "io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`
    assert.deepEqual(about(readMessage(body)), {
      kind: 'request',
      id: { raw: '1', key: 'n1' },
      method: 'tools/call',
      jsonrpc: '2.0',
      target: 'add',
      mirroredName: 'add',
      protocolVersion: '2026-07-28',
      claimsModern: true,
      asksTask: true,
      progressToken: '"t"',
      trace: { traceparent: 'p', tracestate: 's', baggage: undefined },
    })
  })

  it('gives the revision that initialize asks for, which claims no stateless era', () => {
    const version = { params: { protocolVersion: '2025-11-25' } }
    const initialize = readMessage(JSON.stringify({ id: 1, method: 'initialize', ...version }))
    assert.equal(initialize.protocolVersion, '2025-11-25')
    assert.equal(initialize.claimsModern, false)
    const other = readMessage(JSON.stringify({ id: 1, method: 'ping', ...version }))
    assert.equal(other.protocolVersion, undefined)
  })
})

describe('A cancellation', () => {
  it('says which id it takes back, whatever its spelling', () => {
    const cancels = (requestId: string, method = 'notifications/cancelled'): unknown =>
      readMessage(`{"method":"${method}","params":{"requestId":${requestId}}}`).cancels
    assert.equal(cancels('1.0'), idOf('1').key)
    assert.equal(cancels('"\\u0061"'), idOf('"a"').key)
    assert.equal(cancels('{}'), undefined)
    assert.equal(cancels('1', 'notifications/progress'), undefined)
    assert.equal(readMessage('{"method":"notifications/cancelled"}').cancels, undefined)
  })
})

describe('A body', () => {
  it('that is no JSON is malformed', () => {
    for (const body of [
      '',
      ' ',
      'x',
      '{',
      '{"id":1,}',
      "{'id':1}",
      '\ufeff{}',
      '{}{}',
      '[1',
      'nul',
    ]) {
      assert.equal(refusal(body), 'malformed', JSON.stringify(body))
    }
  })

  it('that nests deeper than allowed is an invalid request', () => {
    const nested = (depth: number): string =>
      `{"id":1,"method":"m","params":${'['.repeat(depth)}${']'.repeat(depth)}}`
    assert.equal(refusal(nested(7)), 'accepted')
    assert.equal(refusal(nested(8)), 'invalid_request')
  })

  it('that is JSON but no object is an invalid request', () => {
    for (const body of ['5', '"s"', 'null', 'true', '""']) {
      assert.equal(refusal(body), 'invalid_request', body)
    }
  })

  it('holds a batch when it is an array', () => {
    const body = ' \r\n\t[{"id":1,"method":"a"},{"method":"b"},{"id":2,"result":{}}]'
    const envelope = envelopeOf(body)
    assert.equal(envelope.batch, true)
    assert.deepEqual(
      envelope.messages.map(({ kind, method }) => `${kind} ${method}`),
      ['request a', 'notification b', 'response '],
    )
    assert.equal(envelopeOf('{"method":"a"}').batch, false)
  })

  it('that is a batch of nothing, of too much or of what is no message is an invalid request', () => {
    const ping = '{"id":1,"method":"ping"}'
    assert.equal(refusal('[]'), 'invalid_request')
    assert.equal(refusal(`[${Array.from({ length: 3 }, () => ping).join()}]`), 'accepted')
    assert.equal(refusal(`[${Array.from({ length: 4 }, () => ping).join()}]`), 'invalid_request')
    assert.equal(refusal(`[[${ping}]]`), 'invalid_request')
    assert.equal(refusal(`[${ping},{}]`), 'invalid_request')
    for (const item of ['1', '"s"', 'null', `[${ping}]`, '[]']) {
      assert.equal(refusal(`[${item}]`), 'invalid_request', item)
      assert.equal(refusal(`[${ping},${item}]`), 'invalid_request', `${item} beside a message`)
      assert.equal(refusal(`[${item},${ping}]`), 'invalid_request', `${item} before a message`)
    }
  })

  it('is read afresh after one that was refused', () => {
    assert.equal(refusal('[{"id":1,"method":"a"},'), 'malformed')
    assert.equal(refusal('[{"id":{}}]'), 'invalid_request')
    const envelope = envelopeOf('{"id":2,"method":"b"}')
    assert.equal(envelope.messages.length, 1)
    assert.equal(envelope.messages[0]?.method, 'b')
  })

  it('takes the last of repeated members', () => {
    const body =
      '{"id":1,"id":2,"method":"a","method":"tools/call","params":{"name":"x","name":"y"}}'
    const message = readMessage(body)
    assert.deepEqual([message.id?.raw, message.method, message.target], ['2', 'tools/call', 'y'])
  })
})

describe('A refusal because of a limit', () => {
  it('names the limit', () => {
    const limitOf = (body: string): unknown => {
      const answer = read(JSON_TYPE, Buffer.from(body))
      return answer.kind === 'rejected' ? [answer.reason, answer.limit] : answer.kind
    }
    const ping = '{"method":"ping"}'
    assert.deepEqual(limitOf('['.repeat(9)), ['invalid_request', 'depth'])
    assert.deepEqual(limitOf(`[${Array.from({ length: 4 }, () => ping).join()}]`), [
      'invalid_request',
      'batch',
    ])
    assert.deepEqual(limitOf('[]'), ['invalid_request', undefined])
    assert.deepEqual(limitOf('{'), ['malformed', undefined])
  })
})

describe('The media type', () => {
  it('must be JSON, with or without parameters', () => {
    const good = [
      'application/json',
      'application/json; charset=utf-8',
      'Application/JSON;charset="utf-8"',
      ' application/json ',
      'application/vnd.mcp+json',
      'application/json-rpc+json;v=1',
    ]
    for (const type of good) assert.equal(isJsonType(type), true, type)
    const bad = [
      'text/plain',
      'text/json',
      '',
      'application/jsonx',
      'application/+json',
      'json',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'text/plain, application/json',
    ]
    for (const type of bad) assert.equal(isJsonType(type), false, type)
    assert.equal(isJsonType(undefined), false)
  })

  it('that is no JSON is refused', () => {
    const ping = '{"id":1,"method":"ping"}'
    assert.equal(refusal(ping, {}), 'unsupported_media')
    assert.equal(refusal(ping, { 'content-type': 'text/plain' }), 'unsupported_media')
  })

  it('may not hide behind a content coding', () => {
    const ping = '{"id":1,"method":"ping"}'
    for (const coding of ['gzip', 'br', 'gzip, identity', 'GZIP']) {
      const headers = { ...JSON_TYPE, 'content-encoding': coding }
      assert.equal(refusal(ping, headers), 'unsupported_media', coding)
    }
    for (const coding of ['identity', ' Identity ']) {
      assert.equal(refusal(ping, { ...JSON_TYPE, 'content-encoding': coding }), 'accepted', coding)
    }
  })
})

describe('The encoding of a body', () => {
  const ping = '{"id":1,"method":"ping"}'

  it('may be spelled as UTF-8 in any way', () => {
    for (const type of [
      'application/json; charset=utf-8',
      'application/json;charset=UTF-8',
      'application/json; charset="utf-8"',
      'application/json; charset=utf8',
      'application/json ; Charset = Utf-8',
      'application/json; charset=us-ascii',
      'application/json; profile=x; charset=utf-8',
      'application/json; profile=x',
    ]) {
      assert.equal(refusal(ping, { 'content-type': type }), 'accepted', type)
    }
  })

  it('may be no other', () => {
    for (const type of [
      'application/json; charset=utf-7',
      'application/json; charset="UTF-16"',
      'application/json;charset=utf-16le',
      'application/json; charset=iso-8859-1',
      'application/json; charset=utf-8; charset=utf-7',
      'application/json; charset=',
      "application/json; charset='utf-7'",
    ]) {
      assert.equal(refusal(ping, { 'content-type': type }), 'unsupported_media', type)
    }
  })

  it('must be valid throughout', () => {
    const bad: readonly (readonly number[])[] = [
      [0xff],
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xe2, 0x82],
    ]
    for (const bytes of bad) {
      const [before = '', after = ''] = '{"id":1,"method":"ping","params":{"x":"|"}}'.split('|')
      const body = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)])
      const envelope = read(JSON_TYPE, body)
      assert.equal(envelope.kind === 'rejected' ? envelope.reason : 'accepted', 'malformed')
    }
  })
})

describe('A batch', () => {
  it('is refused when a message of it claims a revision without batches', () => {
    const modern = JSON.stringify({ id: 2, method: 'ping', params: MODERN_PARAMS })
    assert.equal(refusal(`[{"id":1,"method":"ping"},${modern}]`), 'invalid_request')
    assert.equal(refusal(`[${modern}]`), 'invalid_request')
    assert.equal(refusal('[{"id":1,"method":"ping"}]'), 'accepted')
  })
})

describe('Headers that repeat the body', () => {
  const VERSION = '2026-07-28'
  const modern = (method: string, params: object = {}, id: unknown = 1): string =>
    JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...MODERN_PARAMS, ...params } })
  const legacy = (method: string, params: object = {}): string =>
    JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const call = modern('tools/call', { name: 'add' })

  const rows: readonly [fact: string, body: string, headers: HeaderRecord, expected: string][] = [
    ['all agree', call, { version: VERSION, method: 'tools/call', name: 'add' }, 'accepted'],
    ['none is there', call, {}, 'accepted'],
    ['the version is missing', call, { method: 'tools/call', name: 'add' }, 'accepted'],
    ['another method', call, { version: VERSION, method: 'tools/list' }, 'header_mismatch'],
    ['the method in other case', call, { method: 'Tools/Call' }, 'header_mismatch'],
    ['another method without a version', call, { method: 'ping' }, 'header_mismatch'],
    ['another tool', call, { version: VERSION, name: 'sub' }, 'header_mismatch'],
    ['an empty tool', call, { version: VERSION, name: '' }, 'header_mismatch'],
    ['another version', call, { version: '2026-08-01' }, 'header_mismatch'],
    ['a legacy version', call, { version: '2025-11-25' }, 'header_mismatch'],
    ['a repeated version', call, { version: [VERSION, VERSION] }, 'header_mismatch'],
    ['a repeated method', call, { method: ['tools/call', 'ping'] }, 'header_mismatch'],
    [
      'a version in the header alone, another method',
      legacy('tools/call', { name: 'add' }),
      { version: VERSION, method: 'ping' },
      'header_mismatch',
    ],
    [
      'a later version, another tool',
      legacy('tools/call', { name: 'add' }),
      { version: '2027-01-01', name: 'sub' },
      'header_mismatch',
    ],
    [
      'a legacy revision, another method and tool',
      legacy('tools/call', { name: 'add' }),
      { version: '2025-11-25', method: 'ping', name: 'sub' },
      'accepted',
    ],
    [
      'no revision, another method',
      legacy('tools/call', { name: 'add' }),
      { method: 'ping' },
      'accepted',
    ],
    [
      'a version that is no date',
      legacy('tools/call', { name: 'add' }),
      { version: 'zzz', method: 'ping' },
      'accepted',
    ],
    [
      'a tool name in base64',
      modern('tools/call', { name: 'añadir' }),
      { name: '=?base64?YcOxYWRpcg==?=' },
      'accepted',
    ],
    [
      'another tool name in base64',
      modern('tools/call', { name: 'añadir' }),
      { name: '=?base64?YWRk?=' },
      'header_mismatch',
    ],
    [
      'base64 that is not canonical',
      modern('tools/call', { name: 'añadir' }),
      { name: '=?base64?YcOxYWRpcg?=' },
      'header_mismatch',
    ],
    [
      'a name that a tool has in plain though it looks like base64 without the sentinel',
      modern('tools/call', { name: 'YWRk' }),
      { name: 'YWRk' },
      'accepted',
    ],
    ['the prompt', modern('prompts/get', { name: 'p' }), { name: 'p' }, 'accepted'],
    ['another prompt', modern('prompts/get', { name: 'p' }), { name: 'q' }, 'header_mismatch'],
    ['the resource', modern('resources/read', { uri: 'a:b' }), { name: 'a:b' }, 'accepted'],
    [
      'another resource',
      modern('resources/read', { uri: 'a:b', name: 'a:c' }),
      { name: 'a:c' },
      'header_mismatch',
    ],
    ['a tool, and the body names none', modern('tools/call'), { name: 'add' }, 'header_mismatch'],
    [
      'a tool, and its name is a number',
      modern('tools/call', { name: 5 }),
      { name: '5' },
      'header_mismatch',
    ],
    [
      'a tool whose name is too long to be read',
      modern('tools/call', { name: 'x'.repeat(1_100) }),
      { name: 'x'.repeat(1_100) },
      'header_mismatch',
    ],
    [
      'a resource whose URI is over 4096 bytes',
      modern('resources/read', { uri: `a:${'x'.repeat(4_096)}` }),
      { name: `a:${'x'.repeat(4_096)}` },
      'header_mismatch',
    ],
    ['a list of versions', call, { version: '2026-07-28, 2025-11-25' }, 'header_mismatch'],
    [
      'a list of versions of the session era',
      legacy('tools/call', { name: 'add' }),
      { version: '2025-11-25, 2025-06-18' },
      'header_mismatch',
    ],
    ['the task', modern('tasks/get', { taskId: 't' }), { name: 't' }, 'accepted'],
    ['another task', modern('tasks/cancel', { taskId: 't' }), { name: 'u' }, 'header_mismatch'],
    ['a name that this method does not repeat', modern('ping'), { name: 'x' }, 'accepted'],
    [
      'a notification, another method',
      modern('notifications/progress', {}, undefined),
      { method: 'ping' },
      'header_mismatch',
    ],
    [
      'a response of the client',
      '{"jsonrpc":"2.0","id":1,"result":{}}',
      { version: VERSION, method: 'sampling/createMessage', name: 'x' },
      'accepted',
    ],
    [
      'a batch',
      `[${legacy('tools/call', { name: 'add' })}]`,
      { version: '2025-03-26', method: 'ping' },
      'accepted',
    ],
  ]

  for (const [fact, body, short, expected] of rows) {
    it(`${expected === 'accepted' ? 'are accepted' : 'are refused'}: ${fact}`, () => {
      const headers: HeaderRecord = {
        ...JSON_TYPE,
        'mcp-protocol-version': short['version'],
        'mcp-method': short['method'],
        'mcp-name': short['name'],
      }
      assert.equal(refusal(body, headers), expected)
    })
  }

  it('are named in the refusal, which shows no more than 128 characters of the body', () => {
    const body = modern('tools/call', { name: 'x'.repeat(500) })
    const answer = read({ ...JSON_TYPE, 'mcp-name': 'y' }, Buffer.from(body))
    assert.equal(answer.kind, 'envelope')
    assert.equal(
      answer.kind === 'envelope' ? answer.fault?.message : '',
      `Header mismatch: Mcp-Name does not match the body: the body names "${'x'.repeat(128)}"`,
    )
  })

  it('are decoded only from canonical base64 of UTF-8', () => {
    const rowsOf: readonly [string, string | undefined][] = [
      ['plain', 'plain'],
      ['', ''],
      ['=?base64??=', ''],
      ['=?base64?YQ==?=', 'a'],
      ['=?base64?YQ?=', undefined],
      ['=?base64?YR==?=', undefined],
      ['=?base64?YQ= =?=', undefined],
      ['=?base64?_-8=?=', undefined],
      ['=?base64?/w==?=', undefined],
      ['=?base64?7aCA?=', undefined],
      ['=?base64?YQ==', '=?base64?YQ=='],
      ['x=?base64?YQ==?=', 'x=?base64?YQ==?='],
    ]
    for (const [value, expected] of rowsOf) assert.equal(decodeHeaderValue(value), expected, value)
  })
})

describe('A revision', () => {
  it('is of the stateless era from 2026-07-28 on', () => {
    for (const revision of ['2026-07-28', '2026-07-29', '2027-01-01']) {
      assert.equal(isModern(revision), true, revision)
    }
    const others = ['2026-07-27', '2025-11-25', '2024-11-05', '', 'draft', '9999', '2026-7-28']
    for (const revision of [...others, '2026-07-28x', undefined]) {
      assert.equal(isModern(revision), false, String(revision))
    }
  })
})

describe('The arguments of a tool call', () => {
  const textOf = (body: string): string | undefined => {
    const { args } = readMessage(body)
    return args === undefined ? undefined : body.slice(args.start, args.end)
  }

  it('are found by where they stand, whatever they are', () => {
    for (const args of ['{"a":[1,{"b":"}"}]}', '{}', '[1]', '"x"', '7', 'null', 'true']) {
      const body = `{"id":1,"method":"tools/call","params":{"name":"t", "arguments" : ${args} }}`
      assert.equal(textOf(body), args)
    }
  })

  it('are none of other methods, and none when there are none', () => {
    assert.equal(textOf('{"id":1,"method":"tools/call","params":{"name":"t"}}'), undefined)
    assert.equal(textOf('{"id":1,"method":"prompts/get","params":{"arguments":{}}}'), undefined)
  })
})

describe('The cursor of a list', () => {
  const cursorOf = (cursor: string, method = 'tools/list'): string | undefined =>
    readMessage(`{"id":1,"method":"${method}","params":{"cursor":${cursor}}}`).cursor

  it('is read of lists of tools and prompts', () => {
    assert.equal(cursorOf('"next"'), 'next')
    assert.equal(cursorOf('"next"', 'prompts/list'), 'next')
    assert.equal(cursorOf('"next"', 'resources/list'), undefined)
    assert.equal(cursorOf('null'), undefined)
  })

  it('is empty when it is too long to be read or no text', () => {
    assert.equal(cursorOf(`"${'x'.repeat(2_000)}"`), '')
    assert.equal(cursorOf('7'), '')
  })
})
