import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import { createDecodeTee, type DecodeTee } from '../../src/mcp/decode-tee.ts'

const TEXT = '{"id":1,"result":{"text":"é"}}'.repeat(50)

function teeOf(coding: string, onData: (chunk: Buffer) => void): DecodeTee {
  const tee = createDecodeTee(coding, onData)
  return tee === undefined || tee === 'unreadable' ? assert.fail(`no decoder: ${coding}`) : tee
}

async function decode(
  coding: string,
  chunks: readonly Buffer[],
): Promise<{ text: string; readable: boolean }> {
  const decoded: Buffer[] = []
  const tee = teeOf(coding, (chunk) => decoded.push(chunk))
  for (const chunk of chunks) tee.write(chunk)
  const readable = await new Promise<boolean>((resolve) => {
    tee.end(resolve)
  })
  return { text: Buffer.concat(decoded).toString(), readable }
}

describe('A copy of a compressed reply', () => {
  const encoders: readonly [string, (text: string) => Buffer][] = [
    ['gzip', (text) => zlib.gzipSync(text)],
    [' X-GZIP ', (text) => zlib.gzipSync(text)],
    ['deflate', (text) => zlib.deflateSync(text)],
    ['br', (text) => zlib.brotliCompressSync(text)],
    ['zstd', (text) => zlib.zstdCompressSync(text)],
  ]
  for (const [coding, encode] of encoders) {
    it(`is decoded from ${coding.trim()}, in any cut`, async () => {
      const bytes = encode(TEXT)
      const each = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1))
      assert.deepEqual(await decode(coding, [bytes]), { text: TEXT, readable: true })
      assert.deepEqual(await decode(coding, each), { text: TEXT, readable: true })
    })
  }

  it('is needless for a reply that is not compressed', () => {
    for (const coding of [undefined, '', 'identity', ' Identity ']) {
      assert.equal(
        createDecodeTee(coding, () => {}),
        undefined,
      )
    }
  })

  it('is unreadable in a coding that is unknown, or in more than three', () => {
    for (const coding of ['compress', 'gzip, x', 'x', 'gzip, gzip, gzip, gzip']) {
      assert.equal(
        createDecodeTee(coding, () => {}),
        'unreadable',
      )
    }
  })

  it('has nothing in it to judge by when it is not what it says', async () => {
    const { readable, text } = await decode('gzip', [Buffer.from('no gzip'), Buffer.from('more')])
    assert.equal(readable, true)
    assert.equal(text, '')
  })

  it('is given up beyond 64 MiB, and takes the rest without holding up the reply', async () => {
    let decoded = 0
    const tee = teeOf('gzip', (chunk) => {
      decoded += chunk.length
    })
    const bomb = zlib.gzipSync(Buffer.alloc(65 * 1024 * 1024))
    tee.write(bomb)
    const readable = await new Promise<boolean>((resolve) => {
      tee.end(resolve)
    })
    assert.equal(readable, false)
    assert.ok(decoded <= 64 * 1024 * 1024, String(decoded))
    assert.equal(tee.write(Buffer.from('x')), true)
  })

  it('says when it lags behind and when it has caught up', async () => {
    const tee = teeOf('gzip', () => {})
    const caughtUp = new Promise<void>((resolve) => {
      tee.onDrain(resolve)
    })
    assert.equal(tee.write(zlib.gzipSync(Buffer.alloc(1024 * 1024), { level: 0 })), false)
    await caughtUp
    tee.drop()
  })
})
