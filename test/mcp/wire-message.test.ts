import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { WireReader, type Token, type WireMessage } from '../../src/mcp/wire-message.ts'

const reader = new WireReader()

function readAll(text: string): readonly WireMessage[] {
  return reader.read(Buffer.from(text)) ?? assert.fail(`no message: ${text}`)
}

function read(text: string): WireMessage {
  const [message, ...rest] = readAll(text)
  assert.deepEqual(rest, [])
  return message ?? assert.fail('no message')
}

/** What stands in the text where a token says that it is. */
function textAt(text: string, token: Token | undefined): string | undefined {
  return token === undefined
    ? undefined
    : Buffer.from(text).subarray(token.start, token.end).toString()
}

describe('The kind of a message', () => {
  it('follows from its method, its id and its answer', () => {
    const rows = [
      ['{"jsonrpc":"2.0","id":1,"method":"ping"}', 'request', 'ping'],
      ['{"method":"notifications/x"}', 'notification', 'notifications/x'],
      ['{"id":1,"result":{}}', 'response', ''],
      ['{"id":1,"result":null}', 'response', ''],
      ['{"id":1,"error":{"code":5,"message":"m"}}', 'response', ''],
      ['{"error":{"code":5,"message":"m"}}', 'response', ''],
      // A server's own request may have a member that looks like an answer.
      ['{"id":1,"method":"roots/list","result":{}}', 'request', 'roots/list'],
    ] as const
    for (const [text, kind, method] of rows) {
      const message = read(text)
      assert.deepEqual([message.kind, message.method], [kind, method], text)
    }
  })

  it('is none for what is no message of JSON-RPC', () => {
    const noise = [
      '',
      ' ',
      'Server started',
      '{',
      '{}',
      '[]',
      '{"id":1}',
      '1',
      '"x"',
      'null',
      '{"a":1} x',
    ]
    for (const text of noise) assert.equal(reader.read(Buffer.from(text)), undefined, text)
  })

  it('is read anew for each line, whatever came before', () => {
    for (const noise of ['{"id":1,"met', '[{"id":1,"result":{}},', '{"id":1}', '[{"x":1}]']) {
      assert.equal(reader.read(Buffer.from(noise)), undefined, noise)
      assert.equal(read('{"id":2,"result":{}}').id?.key, 'n2')
    }
  })
})

describe('The id of a message', () => {
  it('is told with its exact text and its place', () => {
    for (const raw of [
      '0',
      '""',
      '"1"',
      '1',
      '1.0',
      '1e0',
      '-7',
      '9007199254740993',
      '"a\\u0041"',
      'null',
    ]) {
      const text = ` {"jsonrpc":"2.0" , "id" :  ${raw} ,"method":"é"}`
      const { id } = read(text)
      assert.equal(id?.raw, raw)
      assert.equal(textAt(text, id), raw)
    }
  })

  it('is the same for the same value however it is spelled, and 0, "", "0" and null are four', () => {
    const key = (raw: string): string | undefined => read(`{"id":${raw},"result":{}}`).id?.key
    assert.equal(key('1.0'), key('1'))
    assert.equal(key('"\\u0061"'), key('"a"'))
    assert.equal(new Set(['0', '""', '"0"', 'null'].map(key)).size, 4)
  })

  it('is the last one when it stands twice', () => {
    const text = '{"id":1,"id":2,"method":"a","method":"b"}'
    const { id, method } = read(text)
    assert.equal(id?.raw, '2')
    assert.equal(id.start, text.lastIndexOf('2'))
    assert.equal(method, 'b')
  })

  it('may be found behind an escape in its key', () => {
    assert.equal(read('{"\\u0069d":5,"result":{}}').id?.raw, '5')
  })

  it('is taken from the message itself and not from what it carries', () => {
    const text = '{"result":{"id":9,"method":"m","error":{"code":1}},"id":3}'
    const { id, kind, errorCode } = read(text)
    assert.deepEqual([id?.raw, kind, errorCode], ['3', 'response', undefined])
  })

  it('is none when it is longer than 1 KiB or no scalar', () => {
    assert.equal(read(`{"id":"${'x'.repeat(1_022)}","result":{}}`).id?.raw.length, 1_024)
    for (const raw of [`"${'x'.repeat(2_000)}"`, '[1]', '{}', 'true']) {
      assert.equal(read(`{"id":${raw},"result":{}}`).id, undefined, raw.slice(0, 9))
    }
  })
})

describe('The tokens of a message', () => {
  it('are told with their places', () => {
    const request = '{"id":1,"method":"tools/call","params":{"_meta":{"progressToken": "é7" }}}'
    assert.equal(textAt(request, read(request).progressToken), '"é7"')
    const progress =
      '{"method":"notifications/progress","params":{"progressToken": 1.0 ,"progress":1}}'
    assert.equal(textAt(progress, read(progress).progressOf), '1.0')
    const cancel = '{"method":"notifications/cancelled","params":{"requestId":""}}'
    assert.equal(textAt(cancel, read(cancel).cancels), '""')
    const subscription = '"io.modelcontextprotocol/subscriptionId":"s"'
    for (const text of [
      `{"method":"notifications/x","params":{"_meta":{${subscription}}}}`,
      `{"id":1,"result":{"_meta":{${subscription}}}}`,
    ]) {
      assert.equal(textAt(text, read(text).subscription), '"s"', text)
    }
  })

  it('are not looked for where they do not belong', () => {
    const text =
      '{"id":1,"method":"tools/call","params":{"arguments":{"_meta":{"progressToken":1},"requestId":2,"progressToken":3}}}'
    const { progressToken, progressOf, cancels, subscription } = read(text)
    assert.deepEqual(
      [progressToken, progressOf, cancels, subscription],
      [undefined, undefined, undefined, undefined],
    )
  })

  it('go with the member that holds them when that member comes again', () => {
    const text =
      '{"id":1,"method":"a","params":{"_meta":{"progressToken":1}},"params":{"requestId":2}}'
    const { progressToken, cancels } = read(text)
    assert.deepEqual([progressToken, cancels?.raw], [undefined, '2'])
  })
})

describe('What a request claims', () => {
  const claim = (meta: string): WireMessage =>
    read(`{"id":1,"method":"a","params":{"_meta":{${meta}}}}`)
  const key = (name: string): string => `"io.modelcontextprotocol/${name}"`

  it('is read from its _meta', () => {
    const all = claim(
      `${key('protocolVersion')}:"2026-07-28",${key('clientCapabilities')}:{},${key('logLevel')}:"info"`,
    )
    assert.deepEqual([all.claimsModern, all.namesCapabilities, all.wantsLogs], [true, true, true])
    const none = claim('')
    assert.deepEqual(
      [none.claimsModern, none.namesCapabilities, none.wantsLogs],
      [false, false, false],
    )
  })

  it('is nothing when it is of the wrong type', () => {
    const odd = claim(
      `${key('protocolVersion')}:1,${key('clientCapabilities')}:"x",${key('logLevel')}:null`,
    )
    assert.deepEqual(
      [odd.claimsModern, odd.namesCapabilities, odd.wantsLogs],
      [false, false, false],
    )
  })
})

describe('The code of an error', () => {
  it('is told as a number', () => {
    const code = (text: string): number | undefined => read(text).errorCode
    assert.equal(code('{"id":1,"error":{"code":-32601,"message":"m"}}'), -32_601)
    assert.equal(code('{"id":1,"error":{"code":0,"message":"m"}}'), 0)
    assert.equal(code('{"id":1,"error":{"message":"m"}}'), undefined)
    assert.equal(code('{"id":1,"result":{"error":{"code":3}}}'), undefined)
  })
})

describe('A batch', () => {
  it('is read in order, each message with its place in the line', () => {
    const members = ['{"id":1,"method":"a"}', '{"method":"é"}', '{"id":2,"result":{}}']
    const line = Buffer.from(` [ ${members.join(' , ')} ] `)
    const messages = reader.read(line) ?? assert.fail('no messages')
    assert.deepEqual(
      messages.map(({ start, end }) => line.subarray(start, end).toString()),
      members,
    )
    assert.deepEqual(
      messages.map(({ kind }) => kind),
      ['request', 'notification', 'response'],
    )
  })

  it('with one member that is no message is none at all', () => {
    for (const odd of ['{}', '1', 'null', '[]']) {
      const text = `[{"id":1,"result":{}},${odd}]`
      assert.equal(reader.read(Buffer.from(text)), undefined, text)
    }
  })
})

describe('A line that comes in parts', () => {
  it('is read as it is read whole, in any cut', () => {
    const line = Buffer.from(
      '[{"id":"é\\u0041","method":"tools/call","params":{"_meta":{"progressToken":1.50}}},{"id":7,"error":{"code":-1,"message":"x"}}]',
    )
    const whole = reader.read(line)
    assert.equal(whole?.length, 2)
    fc.assert(
      fc.property(fc.array(fc.nat(line.length), { maxLength: 9 }), (places) => {
        const ends = [...places, line.length].toSorted((a, b) => a - b)
        let from = 0
        for (const to of ends) {
          reader.part(line.subarray(from, to))
          from = to
        }
        assert.deepEqual(reader.end(), whole)
      }),
    )
  })

  it('tells the id of an answer however much follows or comes before', () => {
    const big = Buffer.from(`"${'x'.repeat(64 * 1024)}"`)
    reader.part(Buffer.from('{"result":{"text":'))
    for (let i = 0; i < 16; i += 1) {
      reader.part(big)
      reader.part(Buffer.from(`,"k${i}":`))
    }
    reader.part(Buffer.from('1},"id":42}'))
    assert.deepEqual(
      reader.end()?.map(({ kind, id }) => [kind, id?.key]),
      [['response', 'n42']],
    )
  })
})
