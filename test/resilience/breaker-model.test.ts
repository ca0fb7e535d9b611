/**
 * The breaker against a plain model of what it promises, under 20,000 random sequences of calls,
 * late and lost results, and time. The model keeps every result in a list and has no clever parts.
 */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { REFUSED } from '../../src/resilience/breaker.ts'
import type { BreakerSettings } from '../../src/resilience/breaker-state.ts'
import { BreakerRig, FAIL, IGNORED, OK, SETTINGS } from './breaker-fakes.ts'

const SMALL: BreakerSettings = {
  ...SETTINGS,
  failuresInRow: 4,
  callsMin: 6,
  windowMs: 100,
  openMs: 10,
  openMsMax: 80,
  trialMs: 40,
  slowStartMs: 0,
}

type How = 'ok' | 'fail' | 'ignored'

interface Held {
  readonly era: number
  readonly trial: boolean
}

class Model {
  state: 'closed' | 'open' | 'half_open' = 'closed'
  /** Counts states; a result counts only in the era that its call began in. */
  era = 0
  until = 0
  #openings = 0
  #passed = 0
  trial: { readonly held: Held; readonly lease: number } | undefined
  #run = 0
  #results: { readonly slot: number; readonly failed: boolean }[] = []
  #since: number

  constructor(now: number) {
    this.#since = now
  }

  tick(now: number): void {
    if (this.state === 'open' && now >= this.until) this.#to('half_open', now)
    else if (this.state === 'half_open' && this.trial !== undefined && now >= this.trial.lease) {
      this.#trip(now)
    }
  }

  acquire(now: number): Held | undefined {
    this.tick(now)
    if (this.state === 'closed') return { era: this.era, trial: false }
    if (this.state === 'open' || this.trial !== undefined) return undefined
    const held = { era: this.era, trial: true }
    this.trial = { held, lease: now + SMALL.trialMs }
    return held
  }

  settle(held: Held, how: How, now: number): void {
    if (held.era !== this.era) return
    if (held.trial) return this.#trialEnded(held, how, now)
    if (how === 'ignored') return
    this.#results.push({ slot: this.#slot(now), failed: how === 'fail' })
    this.#run = how === 'fail' ? this.#run + 1 : 0
    const recent = this.#results.filter(({ slot }) => slot > this.#slot(now) - 10)
    const failed = recent.filter((one) => one.failed).length
    if (how !== 'fail') return
    const byRate = recent.length >= SMALL.callsMin && failed >= recent.length * SMALL.failureRate
    if (this.#run >= 4 || byRate) this.#trip(now)
  }

  #trialEnded(held: Held, how: How, now: number): void {
    if (this.trial?.held !== held) return
    this.trial = undefined
    if (how === 'fail') this.#trip(now)
    if (how === 'ok') this.#passed += 1
    if (this.#passed >= SMALL.successes) this.#to('closed', now)
  }

  /** Buckets are counted from where the breaker was closed. */
  #slot(now: number): number {
    return Math.floor((now - this.#since) / (SMALL.windowMs / 10))
  }

  #trip(now: number): void {
    this.#openings += 1
    this.until = now + Math.min(SMALL.openMsMax, SMALL.openMs * 2 ** (this.#openings - 1))
    this.#to('open', now)
  }

  #to(state: 'closed' | 'open' | 'half_open', now: number): void {
    this.state = state
    this.era += 1
    this.trial = undefined
    this.#passed = 0
    this.#run = 0
    this.#results = []
    this.#since = now
  }
}

const RESULTS = { ok: OK, fail: FAIL, ignored: IGNORED } as const

const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('begin' as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      which: fc.nat(20),
      how: fc.constantFrom<How>('ok', 'fail', 'fail', 'ignored'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), which: fc.nat(20) }) },
  {
    weight: 3,
    // Whole windows and more pass too.
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 7, 30, 95, 400),
    }),
  },
)

interface Pair {
  readonly ticket: number
  readonly held: Held
}

function play(
  commands: readonly (typeof command extends fc.Arbitrary<infer T> ? T : never)[],
): void {
  const rig = new BreakerRig(SMALL)
  const model = new Model(rig.now)
  const open: Pair[] = []
  for (const one of commands) {
    if (one.do === 'wait') {
      rig.wait(one.ms)
      model.tick(rig.now)
    } else if (one.do === 'begin') {
      const held = model.acquire(rig.now)
      const ticket = rig.begin()
      assert.equal(ticket !== REFUSED, held !== undefined, 'admits what the model admits')
      if (held !== undefined) open.push({ ticket, held })
    } else if (open.length > 0) {
      const [pair] = open.splice(one.which % open.length, 1)
      if (pair === undefined || one.do === 'lose') continue
      model.settle(pair.held, one.how, rig.now)
      rig.end(pair.ticket, RESULTS[one.how])
    }
    assert.equal(rig.state, model.state)
    const { openUntilMs, trialUnderWay } = rig.breaker.view(rig.now)
    assert.equal(openUntilMs, model.state === 'open' ? model.until : undefined)
    assert.equal(trialUnderWay, model.trial !== undefined)
  }
  closesUnderHealthyCalls(rig)
}

/** Whatever happened before: an upstream that works is called again after a bounded time. */
function closesUnderHealthyCalls(rig: BreakerRig): void {
  const deadline = rig.now + SMALL.trialMs + SMALL.openMsMax + 100
  while (rig.state !== 'closed' && rig.now < deadline) {
    rig.wait(5)
    rig.call(OK)
  }
  assert.equal(rig.state, 'closed')
}

describe('A breaker', () => {
  it('does what the model does in 20,000 random sequences, and always closes again', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 100, size: 'max' }), (commands) => play(commands)),
      { numRuns: 20_000 },
    )
  })
})
