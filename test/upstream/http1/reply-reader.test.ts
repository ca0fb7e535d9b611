/** What is read from the bytes of an upstream, in any cut, and what is refused. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ReplyReader, type ReplyTaker } from '../../../src/upstream/http1/reply-reader.ts'
import { ReplyHead } from '../../../src/upstream/http1/reply-head.ts'

const HEAD_MAX = 1_000

/** What was told of one reply. */
class Taken implements ReplyTaker {
  status = 0
  message = ''
  headers: readonly string[] = []
  body = Buffer.alloc(0)
  /** Bytes behind the end; undefined before it. */
  extra: number | undefined
  keepsOpen: boolean | undefined

  replyHead(head: ReplyHead): boolean {
    assert.equal(this.status, 0, 'one head')
    this.status = head.status
    this.message = head.statusMessage
    this.headers = head.rawHeaders
    this.keepsOpen = head.keepsOpen
    return true
  }

  replyData(bytes: Buffer, from: number, to: number): boolean {
    const part = bytes.subarray(from, to)
    assert.notEqual(part.length, 0)
    assert.notEqual(this.status, 0, 'no body before the head')
    this.body = Buffer.concat([this.body, part])
    return true
  }

  replyEnd(extra: number): void {
    assert.equal(this.extra, undefined, 'one end')
    this.extra = extra
  }
}

interface Result {
  readonly taken: Taken
  readonly fault: string | undefined
}

/** Reads the pieces one after the other, until one of them is wrong or the reply is over. */
function readPieces(pieces: readonly Buffer[], toHead = false): Result {
  const taken = new Taken()
  const reader = new ReplyReader(taken, HEAD_MAX)
  reader.expect(toHead)
  for (const piece of pieces) {
    const fault = reader.read(piece)
    if (fault !== undefined) return { taken, fault }
    if (taken.extra !== undefined) break
  }
  return { taken, fault: undefined }
}

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1')

const readAll = (text: string, toHead = false): Result => readPieces([bytesOf(text)], toHead)

/** Whole, in two pieces cut at every place, and byte by byte. */
function everyCut(text: string): readonly (readonly Buffer[])[] {
  const bytes = bytesOf(text)
  const inTwo = Array.from({ length: bytes.length - 1 }, (_, at) => [
    bytes.subarray(0, at + 1),
    bytes.subarray(at + 1),
  ])
  const single = Array.from(bytes, (byte) => Buffer.from([byte]))
  return [[bytes], ...inTwo, single]
}

const REPLIES: readonly (readonly [string, string, string])[] = [
  ['a declared length', 'HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 5\r\n\r\nhello', 'hello'],
  ['an empty body', 'HTTP/1.1 202 Accepted\r\nX: 1\r\nContent-Length: 0\r\n\r\n', ''],
  [
    'chunks',
    'HTTP/1.1 200 OK\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nB;a="b;c"\r\n wide world\r\n0\r\n\r\n',
    'hello wide world',
  ],
  [
    'chunks and trailers',
    'HTTP/1.1 200 OK\r\nX: 1\r\ntransfer-encoding: Chunked\r\n\r\n00a\r\n0123456789\r\n0\r\nT: x\r\nU:\r\n\r\n',
    '0123456789',
  ],
  [
    'interim replies before it',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 2\r\n\r\nok',
    'ok',
  ],
]

describe('A reply', () => {
  for (const [what, text, body] of REPLIES) {
    it(`with ${what} is read alike in every cut`, () => {
      for (const pieces of everyCut(text)) {
        const { taken, fault } = readPieces(pieces)
        assert.equal(fault, undefined)
        assert.equal(taken.body.toString(), body)
        assert.deepEqual([taken.headers.slice(0, 2), taken.extra], [['X', '1'], 0])
      }
    })
  }

  it('is read in the same way whatever came before it on the connection', () => {
    const texts = [
      'HTTP/1.1 200 OK\r\nX: 1\r\nKeep-Alive: timeout=9\r\nContent-Length: 2\r\n\r\nok',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 2\r\n\r\nok',
      'HTTP/1.1 500 Oh\r\nContent-Length: 2\r\nConnection: close, Y\r\nY: 2\r\n\r\nno',
      'HTTP/1.0 200\r\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    ]
    const heads: unknown[] = []
    const taker: ReplyTaker = {
      replyHead: (head) => {
        const { status, statusMessage, rawHeaders, keepsOpen, keepsOpenMs } = head
        heads.push([status, statusMessage, rawHeaders, keepsOpen, keepsOpenMs])
        return true
      },
      replyData: () => true,
      replyEnd: (extra) => assert.equal(extra, 0),
    }
    const read = (reader: ReplyReader, pieces: readonly string[]): unknown => {
      reader.expect(false)
      for (const piece of pieces) assert.equal(reader.read(bytesOf(piece)), undefined)
      return heads.pop()
    }
    const one = new ReplyReader(taker, HEAD_MAX)
    for (const before of texts) {
      for (const text of texts) {
        const alone = read(new ReplyReader(taker, HEAD_MAX), [text])
        read(one, [before])
        for (let i = 0; i < 2; i += 1) assert.deepEqual(read(one, [text]), alone)
        assert.deepEqual(read(one, [text.slice(0, 30), text.slice(30)]), alone)
        assert.deepEqual(read(one, [text]), alone)
      }
    }
  })

  it('is refused again when its head comes again in which something was wrong', () => {
    const head = new ReplyHead()
    for (let i = 0; i < 2; i += 1) {
      head.begin()
      head.read('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n')
      assert.equal(head.fault, 'HTTP_CONTENT_LENGTH')
    }
  })

  it('may end with its connection, and is whole then alone', () => {
    const taken = new Taken()
    const reader = new ReplyReader(taken, HEAD_MAX)
    reader.expect(false)
    reader.read(bytesOf('HTTP/1.0 200 OK\r\nX: 1\r\n\r\nhel'))
    reader.read(bytesOf('lo'))
    assert.deepEqual([taken.body.toString(), taken.extra], ['hello', undefined])
    assert.equal(reader.endsWithConnection(), true)
    assert.deepEqual([taken.extra, taken.keepsOpen], [0, false])
  })

  it('that is cut off does not end with its connection', () => {
    for (const text of [
      '',
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n',
    ]) {
      const taken = new Taken()
      const reader = new ReplyReader(taken, HEAD_MAX)
      reader.expect(false)
      if (text !== '') assert.equal(reader.read(bytesOf(text)), undefined)
      assert.deepEqual([reader.endsWithConnection(), taken.extra], [false, undefined], text)
    }
  })

  it('to HEAD, and with a status that has none, has no body', () => {
    const length = 'Content-Length: 5\r\n\r\n'
    for (const text of [`HTTP/1.1 204 No Content\r\n${length}`, `HTTP/1.1 304 Same\r\n${length}`]) {
      const { taken } = readAll(text)
      assert.deepEqual([taken.body.length, taken.extra], [0, 0])
    }
    for (const framing of [length, 'Transfer-Encoding: chunked\r\n\r\n', '\r\n']) {
      const { taken } = readAll(`HTTP/1.1 200 OK\r\n${framing}`, true)
      assert.deepEqual([taken.body.length, taken.extra], [0, 0])
    }
  })

  it('tells what follows its end', () => {
    const more = 'HTTP/1.1 200 OK\r\n\r\n'
    assert.equal(readAll(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${more}`).taken.extra, 19)
    assert.equal(readAll(`HTTP/1.1 204 No\r\n\r\nx`).taken.extra, 1)
    const chunks = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
    assert.equal(readAll(`${chunks}\r\n`).taken.extra, 2)
  })

  it('may be given up at its head and in its body', () => {
    for (const at of ['head', 'data'] as const) {
      const taken = new Taken()
      let told = 0
      const reader: ReplyReader = new ReplyReader(
        {
          replyHead: () => {
            if (at === 'head') reader.stop()
            return at !== 'head'
          },
          replyData: () => {
            told += 1
            reader.stop()
            return false
          },
          replyEnd: () => taken.replyEnd(0),
        },
        HEAD_MAX,
      )
      reader.expect(false)
      const chunks = '1\r\na\r\n1\r\nb\r\n0\r\n\r\n'
      reader.read(bytesOf(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`))
      assert.deepEqual([told, taken.extra], [at === 'data' ? 1 : 0, undefined])
    }
  })

  it('is followed by the next one on the same connection', () => {
    let taken = new Taken()
    const reader = new ReplyReader(
      {
        replyHead: (head) => taken.replyHead(head),
        replyData: (bytes, from, to) => taken.replyData(bytes, from, to),
        replyEnd: (extra) => taken.replyEnd(extra),
      },
      HEAD_MAX,
    )
    for (const [, text, body] of [...REPLIES, ...REPLIES]) {
      taken = new Taken()
      reader.expect(false)
      for (const byte of bytesOf(text)) assert.equal(reader.read(Buffer.from([byte])), undefined)
      assert.deepEqual([taken.body.toString(), taken.extra], [body, 0])
    }
  })
})

const ok = (headers: string): string => `HTTP/1.1 200 OK\r\n${headers}\r\n\r\n`
const chunked = (body: string): string => `${ok('Transfer-Encoding: chunked')}${body}`

const REFUSED: readonly (readonly [string, string, string])[] = [
  ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n', 'HTTP_STATUS_LINE'],
  ['another protocol that waits', 'SSH', 'HTTP_STATUS_LINE'],
  ['a record of TLS', '\x15\x03\x01\x00\x02\x02', 'HTTP_STATUS_LINE'],
  ['HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n', 'HTTP_STATUS_LINE'],
  ['HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n', 'HTTP_STATUS_LINE'],
  ['lower case', 'http/1.1 200 OK\r\n\r\n', 'HTTP_STATUS_LINE'],
  ['an empty line first', '\r\nHTTP/1.1 200 OK\r\n\r\n', 'HTTP_STATUS_LINE'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'HTTP_STATUS_LINE'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', 'HTTP_STATUS_LINE'],
  ['a status with a sign', 'HTTP/1.1 +20 OK\r\n\r\n', 'HTTP_STATUS_LINE'],
  ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n', 'HTTP_STATUS_LINE'],
  ['two spaces before the status', 'HTTP/1.1  200 OK\r\n\r\n', 'HTTP_STATUS_LINE'],
  ['a status line that ends in a line feed', 'HTTP/1.1 200 OK\nX: 1\r\n\r\n', 'HTTP_STATUS_LINE'],
  ['a carriage return in the reason', 'HTTP/1.1 200 O\rK\r\n\r\n', 'HTTP_STATUS_LINE'],
  ['no status', 'HTTP/1.1\r\n\r\n', 'HTTP_STATUS_LINE'],
  ['a header that ends in a line feed', ok('X: 1\nY: 2'), 'HTTP_HEADER'],
  ['a carriage return alone', ok('X: 1\rY: 2'), 'HTTP_HEADER'],
  ['a folded header', ok('X: 1\r\n 2'), 'HTTP_HEADER'],
  ['a header folded by a tab', ok('X: 1\r\n\t2'), 'HTTP_HEADER'],
  ['a first header that is folded', ok(' X: 1'), 'HTTP_HEADER'],
  ['white space before the colon', ok('Content-Length : 1'), 'HTTP_HEADER'],
  ['a header without a colon', ok('Content-Length'), 'HTTP_HEADER'],
  ['a header without a name', ok(': 1'), 'HTTP_HEADER'],
  ['a name with a bracket', ok('X(: 1'), 'HTTP_HEADER'],
  ['a name that is no ASCII', ok('caf\u00e9: 1'), 'HTTP_HEADER'],
  ['NUL in a value', ok('X: a\0b'), 'HTTP_HEADER'],
  ['a control character in a value', ok('X: a\x01b'), 'HTTP_HEADER'],
  ['DEL in a value', ok('X: a\x7fb'), 'HTTP_HEADER'],
  ['two lengths', ok('Content-Length: 1\r\nContent-Length: 2'), 'HTTP_CONTENT_LENGTH'],
  ['one length twice', ok('Content-Length: 1\r\nContent-Length: 1'), 'HTTP_CONTENT_LENGTH'],
  ['two lengths in one', ok('Content-Length: 1, 1'), 'HTTP_CONTENT_LENGTH'],
  ['an empty length', ok('Content-Length:'), 'HTTP_CONTENT_LENGTH'],
  ['a negative length', ok('Content-Length: -1'), 'HTTP_CONTENT_LENGTH'],
  ['a length with a sign', ok('Content-Length: +1'), 'HTTP_CONTENT_LENGTH'],
  ['a hexadecimal length', ok('Content-Length: 0x1'), 'HTTP_CONTENT_LENGTH'],
  ['a length with an exponent', ok('Content-Length: 1e1'), 'HTTP_CONTENT_LENGTH'],
  ['a huge length', ok('Content-Length: 9999999999999999'), 'HTTP_CONTENT_LENGTH'],
  [
    'a length and chunks',
    ok('Content-Length: 1\r\nTransfer-Encoding: chunked'),
    'HTTP_TRANSFER_ENCODING',
  ],
  [
    'chunks and a length',
    ok('Transfer-Encoding: chunked\r\nContent-Length: 1'),
    'HTTP_TRANSFER_ENCODING',
  ],
  ['another coding', ok('Transfer-Encoding: gzip'), 'HTTP_TRANSFER_ENCODING'],
  ['two codings', ok('Transfer-Encoding: gzip, chunked'), 'HTTP_TRANSFER_ENCODING'],
  ['a coding that is spelled strangely', ok('Transfer-Encoding: chunked\x0b'), 'HTTP_HEADER'],
  ['a coding with a parameter', ok('Transfer-Encoding: chunked;q=1'), 'HTTP_TRANSFER_ENCODING'],
  [
    'two headers of codings',
    ok('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'),
    'HTTP_TRANSFER_ENCODING',
  ],
  [
    'chunks of HTTP/1.0',
    'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP_TRANSFER_ENCODING',
  ],
  ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n', 'HTTP_UPGRADE'],
  ['a head that is too large', ok(`X: ${'x'.repeat(HEAD_MAX)}`), 'HTTP_HEAD_TOO_LARGE'],
  ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(HEAD_MAX)}`, 'HTTP_HEAD_TOO_LARGE'],
  [
    'interim replies without end',
    'HTTP/1.1 102 Processing\r\n\r\n'.repeat(1_001),
    'HTTP_HEAD_TOO_LARGE',
  ],
  ['no size', chunked('\r\n'), 'HTTP_CHUNK'],
  ['a size with a sign', chunked('+1\r\na\r\n0\r\n\r\n'), 'HTTP_CHUNK'],
  ['a negative size', chunked('-1\r\n'), 'HTTP_CHUNK'],
  ['a size with 0x', chunked('0x1\r\na\r\n0\r\n\r\n'), 'HTTP_CHUNK'],
  ['a size with white space', chunked('1 \r\na\r\n0\r\n\r\n'), 'HTTP_CHUNK'],
  ['a size with an underscore', chunked('1_0\r\n'), 'HTTP_CHUNK'],
  ['a size that is no hexadecimal number', chunked('g\r\n'), 'HTTP_CHUNK'],
  ['a huge size', chunked('ffffffffffffff\r\n'), 'HTTP_CHUNK'],
  ['a size that ends in a line feed', chunked('1\na\r\n0\r\n\r\n'), 'HTTP_CHUNK'],
  ['a size that ends in a carriage return', chunked('1\ra\r\n0\r\n\r\n'), 'HTTP_CHUNK'],
  ['a chunk that is longer than its size', chunked('1\r\nab\r\n0\r\n\r\n'), 'HTTP_CHUNK'],
  ['a chunk that ends in a line feed', chunked('1\r\na\n0\r\n\r\n'), 'HTTP_CHUNK'],
  ['an extension with a line feed', chunked('1;a\nb\r\na\r\n0\r\n\r\n'), 'HTTP_CHUNK'],
  ['an extension with NUL', chunked('1;a\0\r\na\r\n0\r\n\r\n'), 'HTTP_CHUNK'],
  ['an extension without end', chunked(`1;${'x'.repeat(4_097)}`), 'HTTP_CHUNK'],
  ['trailers without end', chunked(`0\r\n${'T: x\r\n'.repeat(HEAD_MAX)}`), 'HTTP_CHUNK'],
  ['a trailer without a colon', chunked('0\r\nT\r\n\r\n'), 'HTTP_CHUNK'],
  ['a trailer that is folded', chunked('0\r\nT: 1\r\n 2\r\n\r\n'), 'HTTP_CHUNK'],
  ['a trailer that ends in a line feed', chunked('0\r\nT: 1\n\r\n'), 'HTTP_CHUNK'],
  ['an end with a line feed', chunked('0\r\n\n'), 'HTTP_CHUNK'],
]

describe('A reply is refused', () => {
  for (const [what, text, fault] of REFUSED) {
    it(`for ${what}, in every cut`, () => {
      assert.equal(readAll(text).fault, fault)
      const single = Array.from(bytesOf(text), (byte) => Buffer.from([byte]))
      assert.equal(readPieces(single).fault, fault)
      if (text.length > 500) return
      for (const pieces of everyCut(text)) assert.equal(readPieces(pieces).fault, fault)
    })
  }

  it('and nothing behind the fault is handed on', () => {
    const { taken } = readAll(chunked('2\r\nok\r\nx\r\nsecret\r\n0\r\n\r\n'))
    assert.deepEqual([taken.body.toString(), taken.extra], ['ok', undefined])
    assert.equal(readAll(ok('Content-Length: 1\r\nContent-Length: 2') + 'x').taken.status, 0)
  })
})

describe('The head of a reply', () => {
  it('is handed on as it is spelled, without white space around values', () => {
    const { taken } = readAll(
      ok('x-A:1\r\nX-a: \t two words \t\r\nEmpty:\r\nL: caf\u00e9\r\nContent-Length: 0'),
    )
    assert.equal(taken.headers.join('|'), 'x-A|1|X-a|two words|Empty||L|caf\u00e9|Content-Length|0')
  })

  it('may have any reason, or none', () => {
    for (const reason of ['', 'Quite Fine', 'two  words', 'caf\u00e9', 'bell\x07']) {
      const { taken } = readAll(`HTTP/1.1 299 ${reason}\r\nContent-Length: 0\r\n\r\n`)
      assert.deepEqual([taken.status, taken.message], [299, reason])
    }
    assert.equal(readAll('HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n').taken.status, 299)
  })

  it('says whether the connection stays open, and for how long', () => {
    const rows: readonly (readonly [string, boolean, number])[] = [
      ['HTTP/1.1 200 OK\r\n', true, Infinity],
      ['HTTP/1.0 200 OK\r\n', false, Infinity],
      ['HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n', false, Infinity],
      ['HTTP/1.1 200 OK\r\nConnection: close\r\n', false, Infinity],
      ['HTTP/1.1 200 OK\r\nconnection: X-Hop , CLOSE\r\n', false, Infinity],
      [
        'HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\n',
        true,
        5_000,
      ],
      ['HTTP/1.1 200 OK\r\nKeep-Alive: max=100\r\n', true, Infinity],
    ]
    for (const [lines, keepsOpen, ms] of rows) {
      const taken = new Taken()
      const reader = new ReplyReader(taken, HEAD_MAX)
      reader.expect(false)
      reader.read(bytesOf(`${lines}Content-Length: 0\r\n\r\n`))
      assert.deepEqual([taken.keepsOpen, reader.head.keepsOpenMs], [keepsOpen, ms], lines)
    }
  })

  it('may have as many bytes as the limit says, and a thousand headers', () => {
    const fits = ok(
      `X: ${'x'.repeat(HEAD_MAX - ok('Content-Length: 0\r\nX: ').length)}\r\nContent-Length: 0`,
    )
    assert.equal(fits.length, HEAD_MAX)
    assert.equal(readAll(fits).taken.extra, 0)
    const many = (count: number): string | undefined => {
      const reader = new ReplyReader(new Taken(), 1_000_000)
      reader.expect(false)
      return reader.read(
        bytesOf(ok(Array.from({ length: count }, (_, n) => `H${n}: 1`).join('\r\n'))),
      )
    }
    assert.equal(many(1_000), undefined)
    assert.equal(many(1_001), 'HTTP_HEAD_TOO_LARGE')
  })
})
