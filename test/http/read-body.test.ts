import assert from 'node:assert/strict'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { BodyBudget, readBody, type BodyEnd } from '../../src/http/read-body.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const KIB = 1024

/** A budget that writes down how many bytes are taken from it, and how many at most. */
class SpiedBudget extends BodyBudget {
  taken = 0
  most = 0

  override take(bytes: number): boolean {
    const took = super.take(bytes)
    if (took) this.taken += bytes
    this.most = Math.max(this.most, this.taken)
    return took
  }

  override give(bytes: number): void {
    super.give(bytes)
    this.taken -= bytes
  }
}

interface Reading {
  readonly incoming: IncomingMessage
  readonly budget: SpiedBudget
  readonly ends: readonly BodyEnd[]
  /** What is told to give back what was taken. */
  readonly gives: readonly (() => void)[]
  readonly end: () => Promise<BodyEnd>
}

function reading(
  options: {
    readonly bytesMax?: number
    readonly budget?: SpiedBudget
    readonly declared?: number
  } = {},
): Reading {
  const incoming = new IncomingMessage(new Socket())
  if (options.declared !== undefined) {
    incoming.headers['content-length'] = String(options.declared)
  }
  const budget = options.budget ?? new SpiedBudget(1024 * KIB)
  const ends: BodyEnd[] = []
  const gives: (() => void)[] = []
  readBody(
    incoming,
    { bytesMax: options.bytesMax ?? 1024 * KIB, budget },
    (give) => gives.push(give),
    (end) => ends.push(end),
  )
  return {
    incoming,
    budget,
    ends,
    gives,
    end: () => waitFor(() => ends[0], { within: SOON, what: 'the end of the body' }),
  }
}

function bodyOf(end: BodyEnd): Buffer {
  return end.kind === 'body' ? end.body : assert.fail(end.kind)
}

/** Bytes that show when one is lost, doubled or out of place. */
function pattern(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff))
}

describe('A body', () => {
  it('that comes in one-byte chunks is read byte for byte and takes at most twice its size', async () => {
    for (const length of [2, 5_000, 65_537, 100_000, 200_000]) {
      const { incoming, budget, end, gives } = reading()
      const sent = pattern(length)
      for (let at = 0; at < length; at += 1) incoming.push(sent.subarray(at, at + 1))
      incoming.push(null)
      assert.ok(bodyOf(await end()).equals(sent), `${length} bytes`)
      assert.ok(budget.most <= Math.max(64 * KIB, 2 * length), `${budget.most} for ${length}`)
      for (const give of gives) give()
      assert.equal(budget.taken, 0)
    }
  })

  it('is read byte for byte however it is cut', async () => {
    const sent = pattern(300_000)
    for (const cut of [1_000, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 131_072, 299_999, 300_000]) {
      const { incoming, end } = reading()
      for (let at = 0; at < sent.length; at += cut) incoming.push(sent.subarray(at, at + cut))
      incoming.push(null)
      assert.ok(bodyOf(await end()).equals(sent), `in pieces of ${cut}`)
    }
  })

  it('of one piece up to 64 KiB takes nothing from the budget, and is not copied', async () => {
    const { incoming, budget, end, gives } = reading({ budget: new SpiedBudget(0) })
    const sent = pattern(64 * KIB)
    incoming.push(sent)
    incoming.push(null)
    assert.equal(bodyOf(await end()).buffer, sent.buffer)
    assert.equal(budget.most, 0)
    assert.equal(gives.length, 0)
  })

  it('that is empty is an empty body', async () => {
    const { incoming, end } = reading({ budget: new SpiedBudget(0) })
    incoming.push(null)
    assert.equal(bodyOf(await end()).length, 0)
  })

  it('that the budget has no room for ends so, once, and gives back what it took', async () => {
    const { incoming, budget, ends, gives, end } = reading({ budget: new SpiedBudget(128 * KIB) })
    for (let i = 0; i < 20; i += 1) incoming.push(pattern(10 * KIB))
    incoming.push(null)
    assert.deepEqual(await end(), { kind: 'no_room' })
    await waitFor(() => incoming.readableEnded, { within: SOON, what: 'the rest to be discarded' })
    assert.deepEqual(ends, [{ kind: 'no_room' }])
    assert.ok(budget.most <= 128 * KIB)
    for (const give of gives) give()
    assert.equal(budget.taken, 0)
  })

  it('finds room again when another is given back', async () => {
    const budget = new SpiedBudget(128 * KIB)
    const send = async (): Promise<{ end: BodyEnd; gives: readonly (() => void)[] }> => {
      const { incoming, end, gives } = reading({ budget })
      incoming.push(pattern(100 * KIB))
      incoming.push(null)
      return { end: await end(), gives }
    }
    const first = await send()
    assert.equal(first.end.kind, 'body')
    assert.equal((await send()).end.kind, 'no_room')
    for (const give of first.gives) give()
    assert.equal((await send()).end.kind, 'body')
  })

  it('that is larger than allowed is too large, as soon as that is known', async () => {
    const declared = reading({ bytesMax: 10, declared: 11 })
    assert.deepEqual(declared.ends, [{ kind: 'too_large' }])
    const undeclared = reading({ bytesMax: 10 })
    undeclared.incoming.push(pattern(11))
    assert.deepEqual(await undeclared.end(), { kind: 'too_large' })
    assert.equal(undeclared.incoming.destroyed, false)
    undeclared.incoming.push(pattern(10))
    await waitFor(() => undeclared.incoming.destroyed, {
      within: SOON,
      what: 'the connection to be broken',
    })
    assert.equal(undeclared.ends.length, 1)
    assert.equal(undeclared.budget.taken, 0)
  })

  it('whose client leaves is gone, and gives back what it took', async () => {
    const { incoming, budget, end, gives } = reading()
    incoming.push(pattern(100 * KIB))
    await waitFor(() => budget.taken > 0, { within: SOON, what: 'the first bytes to be read' })
    incoming.destroy()
    assert.deepEqual(await end(), { kind: 'gone' })
    for (const give of gives) give()
    assert.equal(budget.taken, 0)
  })
})
