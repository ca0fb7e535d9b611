import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { CaptureBudget, TextCapture } from '../../src/mcp/text-capture.ts'

function budgetOf(bytesMax: number): { budget: CaptureBudget; full: () => number } {
  let full = 0
  const budget = new CaptureBudget({ bytesMax, onFull: () => (full += 1) })
  return { budget, full: () => full }
}

const write = (capture: TextCapture, bytes: Buffer): void => capture.write(bytes, 0, bytes.length)

describe('A copy of a text', () => {
  it('holds the bytes that passed, whatever their cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 20 }), (pieces) => {
        const { budget } = budgetOf(1_000_000)
        const capture = new TextCapture(() => 100_000, budget)
        for (const piece of pieces) write(capture, Buffer.from(piece))
        const whole = Buffer.concat(pieces)
        const slice = capture.slice(0, whole.length)
        assert.deepEqual(slice ?? Buffer.alloc(0), whole)
        capture.reset()
        assert.equal(budget.bytes, 0)
      }),
    )
  })

  it('is none when nobody wants one, and costs nothing then', () => {
    const { budget, full } = budgetOf(0)
    const capture = new TextCapture(() => 0, budget)
    write(capture, Buffer.alloc(1_000_000))
    assert.equal(capture.slice(0, 10), undefined)
    assert.equal(full(), 0)
  })

  it('is let go at once when the text is longer than anybody wants, and that is told once', () => {
    const { budget, full } = budgetOf(1_000_000)
    const capture = new TextCapture(() => 1_000, budget)
    write(capture, Buffer.alloc(5_000))
    assert.equal(capture.slice(0, 5_000)?.length, 5_000)
    for (let i = 0; i < 3; i += 1) write(capture, Buffer.alloc(100))
    assert.equal(capture.slice(0, 1), undefined)
    assert.equal(budget.bytes, 0)
    assert.equal(full(), 1)
  })

  it('is let go when all copies together have no room for it', () => {
    const { budget, full } = budgetOf(10_000)
    const first = new TextCapture(() => 100_000, budget)
    const second = new TextCapture(() => 100_000, budget)
    write(first, Buffer.alloc(8_000))
    write(second, Buffer.alloc(4_096))
    assert.equal(second.slice(0, 1), undefined)
    assert.equal(first.slice(0, 8_000)?.length, 8_000)
    assert.equal(full(), 1)
    first.reset()
    second.reset()
    write(second, Buffer.alloc(4_096))
    assert.equal(second.slice(0, 4_096)?.length, 4_096)
  })

  it('of many single bytes holds no more than twice their number', () => {
    const { budget } = budgetOf(10_000_000)
    const capture = new TextCapture(() => 1_000_000, budget)
    for (let i = 0; i < 100_000; i += 1) write(capture, Buffer.from('x'))
    assert.ok(budget.bytes <= 200_000, String(budget.bytes))
  })

  it('asks at the first bytes of each text whether it is wanted', () => {
    const { budget } = budgetOf(100_000)
    let wanted = 0
    const capture = new TextCapture(() => wanted, budget)
    write(capture, Buffer.from('one'))
    wanted = 100
    write(capture, Buffer.from('one'))
    assert.equal(capture.slice(0, 3), undefined)
    capture.reset()
    write(capture, Buffer.from('two'))
    assert.equal(capture.slice(0, 3)?.toString(), 'two')
  })
})
