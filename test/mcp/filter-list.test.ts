import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { OperationKind } from '../../src/core/operation.ts'
import { EventFilter } from '../../src/mcp/filter-events.ts'
import { filterList, type Shows } from '../../src/mcp/filter-list.ts'

/** Shows what begins with `ok`. */
const okOnly: Shows = (_kind, name) => name?.startsWith('ok') === true

function filtered(text: string, shows: Shows = okOnly): string {
  const result = filterList(Buffer.from(text), shows)
  if (result.kind === 'unreadable') return 'unreadable'
  return result.kind === 'same' ? text : result.bytes.toString('utf8')
}

const listOf = (entries: string): string =>
  `{"jsonrpc":"2.0","id":1,"result":{"tools":[${entries}],"nextCursor":"2"}}`

describe('A filtered list', () => {
  it('loses the entries that are not shown, and no other byte', () => {
    const rows: readonly [before: string, after: string][] = [
      ['', ''],
      ['{"name":"ok"}', '{"name":"ok"}'],
      ['{"name":"no"}', ''],
      ['{"name":"no"},{"name":"ok"}', '{"name":"ok"}'],
      ['{"name":"ok"},{"name":"no"}', '{"name":"ok"}'],
      ['{"name":"ok1"} , {"name":"no"} , {"name":"ok2"}', '{"name":"ok1"} , {"name":"ok2"}'],
      [' {"name":"no"} , {"name":"no"} ', '  '],
      ['\n{"name":"ok"},\n{"name":"no"},\n{"name":"no"}\n', '\n{"name":"ok"}\n'],
      ['{"name":"no"},{"name":"no"},{"name":"ok","x":1.0},{"name":"no"}', '{"name":"ok","x":1.0}'],
    ]
    for (const [before, after] of rows) assert.equal(filtered(listOf(before)), listOf(after))
  })

  it('is asked about by what names its entries', () => {
    const asked: [OperationKind, string | undefined][] = []
    const note: Shows = (kind, name) => {
      asked.push([kind, name])
      return true
    }
    filtered('{"result":{"tools":[{"name":"t"}]}}', note)
    filtered('{"result":{"prompts":[{"name":"p"}]}}', note)
    filtered('{"result":{"resources":[{"uri":"file:///r","name":"x"}]}}', note)
    filtered('{"result":{"resourceTemplates":[{"uriTemplate":"file:///{p}","name":"x"}]}}', note)
    assert.deepEqual(asked, [
      ['tool', 't'],
      ['prompt', 'p'],
      ['resource', 'file:///r'],
      ['resource', 'file:///{p}'],
    ])
  })

  it('loses entries without one name that every reader agrees on', () => {
    for (const entry of [
      '{}',
      '7',
      '"ok"',
      'null',
      '["ok"]',
      '{"name":7}',
      '{"name":null}',
      '{"name":["ok"]}',
      '{"name":"ok","name":"ok"}',
      '{"name":"no","n\\u0061me":"ok"}',
      '{"inner":{"name":"ok"}}',
    ]) {
      assert.equal(filtered(listOf(entry)), listOf(''), entry)
    }
  })

  it('reads names however they are spelled', () => {
    assert.equal(filtered(listOf('{"n\\u0061me":"\\u006fk"}')), listOf('{"n\\u0061me":"\\u006fk"}'))
    assert.equal(filtered(listOf('{"name":"n\\u006f"}')), listOf(''))
    const wide = '{"title":"ok","name":"\u043e\u043a"}'
    assert.equal(filtered(listOf(wide)), listOf(''))
  })

  it('is one in every member of that name, in a batch, and behind a byte order mark', () => {
    const two = '{"result":{"tools":[{"name":"no"}],"tools":[{"name":"no"},{"name":"ok"}]}}'
    assert.equal(filtered(two), '{"result":{"tools":[],"tools":[{"name":"ok"}]}}')
    const results = '{"result":{"tools":[{"name":"no"}]},"result":{"t\\u006fols":[{"name":"no"}]}}'
    assert.equal(filtered(results), '{"result":{"tools":[]},"result":{"t\\u006fols":[]}}')
    assert.equal(filtered(`[${listOf('{"name":"no"}')},7]`), `[${listOf('')},7]`)
    assert.equal(filtered(`\ufeff${listOf('{"name":"no"}')}`), `\ufeff${listOf('')}`)
  })

  it('is none in errors, in other results and deeper in a result', () => {
    for (const text of [
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no","data":{"tools":[{"name":"no"}]}}}',
      '{"id":1,"result":{"content":[{"tools":[{"name":"no"}]}],"structuredContent":{"tools":[{"name":"no"}]}}}',
      '{"id":1,"result":{"tools":{"name":"no"}}}',
      '{"method":"x","params":{"result":{"tools":[{"name":"no"}]}}}',
    ]) {
      assert.equal(filtered(text), text)
    }
  })

  it('may be cached for its reader alone', () => {
    const result = (scope: string): string =>
      `{"result":{"cacheScope":${scope},"tools":[{"name":"ok"}],"ttlMs":5}}`
    assert.equal(filtered(result('"public"')), result('"private"'))
    assert.equal(filtered(result('"priv\\u0061te"')), result('"priv\\u0061te"'))
    assert.equal(filtered(result('7')), result('"private"'))
    const other = '{"result":{"cacheScope":"public","contents":[]}}'
    assert.equal(filtered(other), other)
  })

  it('is not read when it is no JSON', () => {
    for (const text of [
      '',
      '{',
      '{"result":{"tools":[',
      '{"result":{"tools":[{"name":"ok"}]}',
      '{} {}',
      '{"a" 1}',
      '[1 2]',
      '{"a":"\\"}',
    ]) {
      assert.equal(filtered(text), 'unreadable', text)
    }
  })

  it('is what parsing, filtering and printing would make of it, whatever stands in it', () => {
    const name = fc.oneof(fc.constantFrom('ok', 'no', 'ok\\"', 'ok\\\\', '\u00fc'), fc.string())
    const entry = fc.oneof(
      fc.record({ name, description: fc.string({ maxLength: 90 }), inputSchema: fc.jsonValue() }),
      fc.jsonValue(),
    )
    const indent = fc.constantFrom(undefined, 1, '\t')
    fc.assert(
      fc.property(fc.array(entry), fc.jsonValue(), indent, (tools, more, space) => {
        const text = JSON.stringify({ more, result: { a: more, tools, b: more } }, undefined, space)
        const kept = tools.filter(
          (one) =>
            typeof one === 'object' &&
            one !== null &&
            'name' in one &&
            typeof one.name === 'string' &&
            one.name.startsWith('ok'),
        )
        const expected: unknown = JSON.parse(
          JSON.stringify({ more, result: { a: more, tools: kept, b: more } }),
        )
        assert.deepEqual(JSON.parse(filtered(text)), expected)
      }),
    )
  })
})

/** Everything that goes on, fed in pieces of this size. */
function throughEvents(text: string, size: number, bytesMax = 10_000): string {
  const filter = new EventFilter({ shows: okOnly, bytesMax })
  const bytes = Buffer.from(text)
  let out = ''
  for (let at = 0; at < bytes.length; at += size) {
    const went = filter.write(bytes.subarray(at, at + size))
    if (typeof went === 'string') return went
    out += Buffer.concat(went).toString('utf8')
  }
  const last = filter.end()
  return typeof last === 'string' ? last : out + last.toString('utf8')
}

describe('A filtered event stream', () => {
  const before = listOf('{"name":"no"},{"name":"ok"}')
  const after = listOf('{"name":"ok"}')
  const rows: readonly [what: string, before: string, after: string][] = [
    [
      'a list',
      `id: 1\nevent: message\ndata: ${before}\n\n`,
      `id: 1\nevent: message\ndata: ${after}\n\n`,
    ],
    ['a list with CRLF', `data: ${before}\r\nid: 7\r\n\r\n`, `data: ${after}\r\nid: 7\r\n\r\n`],
    ['a list with CR', `data:${before}\r\rdata: x\r\r`, `data: ${after}\r\rdata: x\r\r`],
    [
      'a list behind a byte order mark',
      `\ufeffid: 1\ndata: ${before}\n\n`,
      `\ufeffid: 1\ndata: ${after}\n\n`,
    ],
    [
      'a list in two lines',
      'data: {"result":{"tools":[{"name":"no"},\ndata: {"name":"ok"}]}}\n\n',
      'data: {"result":{"tools":[{"name":"ok"}]}}\n\n',
    ],
    [
      'what is no list',
      `: hi\n\nretry: 5\ndata: {"result":{}}\n\nevent: endpoint\ndata: /m?s=1\n\ndata\n\n`,
      `: hi\n\nretry: 5\ndata: {"result":{}}\n\nevent: endpoint\ndata: /m?s=1\n\ndata\n\n`,
    ],
    ['a list without a blank line at its end', `data: ${before}`, `data: ${after}`],
    [
      'two events',
      `data: {"method":"m"}\n\ndata: ${before}\n\n`,
      `data: {"method":"m"}\n\ndata: ${after}\n\n`,
    ],
  ]
  for (const [what, text, expected] of rows) {
    it(`passes ${what} on, in pieces of any size`, () => {
      for (const size of [1, 2, 3, 7, 64, 10_000]) {
        assert.equal(throughEvents(text, size), expected, `pieces of ${size}`)
      }
    })
  }

  it('passes an event on with its last byte, and the line feed of its CRLF at once', () => {
    const filter = new EventFilter({ shows: okOnly, bytesMax: 1_000 })
    const write = (text: string): string => {
      const went = filter.write(Buffer.from(text))
      return typeof went === 'string' ? went : Buffer.concat(went).toString('utf8')
    }
    assert.equal(write('data: {}\r\n'), '')
    assert.equal(write('\r'), 'data: {}\r\n\r')
    assert.equal(write('\n'), '\n')
    assert.equal(write('data: {}\r\n\r\ndata'), 'data: {}\r\n\r\n')
  })

  it('ends at an event that is too large, or that looks like JSON and is none', () => {
    assert.equal(throughEvents(`data: ${'x'.repeat(200)}\n\n`, 9, 100), 'too_large')
    assert.equal(throughEvents(`data: ${'x'.repeat(200)}`, 1_000, 100), 'too_large')
    assert.equal(throughEvents('data: {"result":{"tools":[\n\n', 9), 'unreadable')
  })
})
