import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { describe, it } from 'node:test'
import { LineWriter } from '../../src/mcp/line-writer.ts'

/** A pipe that writes down what leaves together. */
class Pipe extends Writable {
  readonly writes: string[] = []

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(chunk.toString())
    done()
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.writes.push(chunks.map(({ chunk }) => chunk.toString()).join(''))
    done()
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('LineWriter', () => {
  it('lets lines of one turn leave together, whatever callbacks of it they come from', async () => {
    const pipe = new Pipe()
    const writer = new LineWriter(pipe)
    writer.write(Buffer.from('a'))
    // What one connection brings ends with its microtasks; the next one may be read in the same turn.
    await new Promise<void>((resolve) => process.nextTick(resolve))
    writer.write(Buffer.from('b\n'))
    assert.deepEqual(pipe.writes, [])
    await turn()
    assert.deepEqual(pipe.writes, ['a\nb\n'])
    writer.write(Buffer.from('c'))
    await turn()
    assert.deepEqual(pipe.writes, ['a\nb\n', 'c\n'])
  })

  it('lets every sixteen lines leave at once, and the rest with the turn', async () => {
    const pipe = new Pipe()
    const writer = new LineWriter(pipe)
    for (let n = 1; n <= 17; n += 1) writer.write(Buffer.from(`${n}`))
    assert.deepEqual(pipe.writes, ['1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n'])
    await turn()
    assert.deepEqual(pipe.writes.slice(1), ['17\n'])
  })

  it('says when a line has left, also when the stream ends in the same turn', async () => {
    const pipe = new Pipe()
    const writer = new LineWriter(pipe)
    const left: string[] = []
    writer.write(Buffer.from('short'), () => left.push('short'))
    writer.write(Buffer.alloc(20_000, 'x'), () => left.push('long'))
    assert.deepEqual(left, [])
    pipe.end()
    await turn()
    await turn()
    assert.deepEqual(left, ['short', 'long'])
    assert.deepEqual(pipe.writes, [`short\n${'x'.repeat(20_000)}\n`])
  })

  it('asks its writer to wait when the reader is behind, and tells of the relief', async () => {
    const pipe = new Pipe({ highWaterMark: 4 })
    const relieved = new Promise<void>((resolve) => {
      pipe.once('drain', resolve)
    })
    const writer = new LineWriter(pipe)
    assert.equal(writer.write(Buffer.from('a')), true)
    assert.equal(writer.write(Buffer.from('b')), false)
    await relieved
    assert.equal(writer.write(Buffer.from('c')), true)
  })
})
