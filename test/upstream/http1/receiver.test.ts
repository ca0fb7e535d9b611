/** Which bytes may be overwritten by those that come next. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Receiver } from '../../../src/upstream/http1/receiver.ts'

const EMPTY = Buffer.alloc(0)

const isAll = (part: Buffer, letter: string): boolean =>
  part.equals(Buffer.alloc(part.length, letter))

for (const { through, secure, full } of [
  { through: 'TCP', secure: false, full: 65_536 },
  { through: 'TLS', secure: true, full: 16_384 },
]) {
  const half = full / 2

  /** A full buffer of this letter is received; returns the part of it that is handed on. */
  function receive(receiver: Receiver, letter: string, inBody = true, from = 0, to = full): Buffer {
    receiver.next(inBody).fill(letter)
    return receiver.part(receiver.received(full), from, to)
  }

  describe(`A part of a body that comes through ${through}`, () => {
    it('stays as it is while nobody says that it is spent', () => {
      const receivers = [new Receiver(secure), new Receiver(secure)]
      const letters = 'abcdefghijklmnop'
      const parts = Array.from(letters, (letter, index) => {
        const [from, to] = index % 3 === 0 ? [7, 107] : [1, full]
        return receive(receivers[index % 2] ?? new Receiver(secure), letter, true, from, to)
      })
      for (const [index, part] of parts.entries()) {
        assert.equal(part.length, index % 3 === 0 ? 100 : full - 1)
        assert.ok(isAll(part, letters[index] ?? ''), `part ${index}`)
      }
    })

    it('that is spent is overwritten by what comes next, without a copy and without a new buffer', () => {
      const receiver = new Receiver(secure)
      receiver.spent(receive(receiver, 'a'))
      const buffers = new Set<ArrayBufferLike>()
      for (const letter of 'bcdef') {
        const part = receive(receiver, letter)
        assert.ok(isAll(part, letter))
        assert.equal(part.buffer, receiver.received(1).buffer)
        buffers.add(part.buffer)
        receiver.spent(part)
      }
      assert.equal(buffers.size, 1)
    })

    it('that is spent later leaves its buffer to other connections', () => {
      const receiver = new Receiver(secure)
      const part = receive(receiver, 'a')
      assert.notEqual(receiver.next(true).buffer, part.buffer)
      receiver.spent(part)
      assert.equal(receive(new Receiver(secure), 'b').buffer, part.buffer)
      // Only once: it is somebody else's now.
      receiver.spent(part)
      assert.notEqual(receive(new Receiver(secure), 'c').buffer, part.buffer)
      assert.ok(isAll(part, 'b'))
    })

    it('that is kept stays as it is where the one before it was spent', () => {
      const receiver = new Receiver(secure)
      receiver.spent(receive(receiver, 'a'))
      const kept = receive(receiver, 'b')
      for (const letter of 'cde') receiver.spent(receive(receiver, letter))
      for (const letter of 'fgh') receive(new Receiver(secure), letter)
      assert.ok(isAll(kept, 'b'))
    })

    it('that another one follows in the same bytes stays as it is, and so does that one', () => {
      const receiver = new Receiver(secure)
      receiver.spent(receive(receiver, 'a'))
      const halves = [receive(receiver, 'b', true, 0, half)]
      halves.push(receiver.part(receiver.received(full), half, full))
      receiver.spent(halves[1] ?? EMPTY)
      for (const letter of 'cd') receiver.spent(receive(receiver, letter))
      for (const letter of 'ef') receive(new Receiver(secure), letter)
      assert.ok(isAll(halves[0] ?? EMPTY, 'b'))
    })

    it('that is not the one that came last is left alone', () => {
      const receiver = new Receiver(secure)
      const first = receive(receiver, 'a')
      const second = receive(receiver, 'b')
      receiver.spent(first)
      receiver.spent(Buffer.from(second))
      for (const letter of 'cd') receiver.spent(receive(receiver, letter))
      assert.ok(isAll(first, 'a') && isAll(second, 'b'))
    })

    it('of less than half a buffer is a copy, so that whoever keeps it keeps no more than twice its bytes', () => {
      const receiver = new Receiver(secure)
      const part = receive(receiver, 'a', true, 0, half - 1)
      assert.notEqual(part.buffer, receiver.received(1).buffer)
      receiver.spent(part)
      receive(receiver, 'b')
      assert.ok(isAll(part, 'a'))
    })
  })

  describe(`A connection through ${through}`, () => {
    it('has no buffer of its own before a large body, between two, and when little comes', () => {
      const [one, other] = [new Receiver(secure), new Receiver(secure)]
      const shared = one.next(false)
      assert.equal(other.next(false), shared)
      one.spent(receive(one, 'a'))
      const own = one.next(true)
      assert.notEqual(own, shared)
      assert.equal(other.next(true), shared)
      one.part(one.received(100), 0, 100)
      assert.equal(one.next(true), shared)
      one.spent(receive(one, 'b'))
      assert.notEqual(one.next(true), shared)
      one.spent(one.part(one.received(full), 0, full))
      assert.equal(one.next(false), shared)
    })
  })
}
