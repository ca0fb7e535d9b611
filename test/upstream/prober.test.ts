import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LogLevel } from '../../src/core/events.ts'
import type { Verdict } from '../../src/upstream/health/health-check.ts'
import { Prober, type HealthPlan, type ProberOptions } from '../../src/upstream/prober.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { signal } from '../support/wait-for.ts'

const UP: Verdict = { up: true, errorType: undefined }
const DOWN: Verdict = { up: false, errorType: 'connect' }

type Checked = readonly [string, number, string | undefined]

function proberOf(
  upstreams: readonly ({ readonly name: string } & Pick<HealthPlan, 'check'> &
    Partial<HealthPlan>)[],
  random: ProberOptions['random'] = () => 0.5,
) {
  const clock = new FakeClock()
  const checked: Checked[] = []
  const logged: (readonly [LogLevel, string, unknown])[] = []
  const prober = new Prober({
    clock,
    log: {
      enabled: () => true,
      write: (level, event, _, fields) => void logged.push([level, event, fields]),
    },
    observer: { healthChecked: (...args) => void checked.push(args) },
    random,
  })
  for (const { name, ...plan } of upstreams) {
    prober.follow(name, { intervalMs: 30_000, timeoutMs: 5_000, required: false, ...plan })
  }
  /** Moves the clock second by second, as the sweeper of a sidecar does. */
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1_000)
      prober.tick()
      await settle()
    }
  }
  return { prober, clock, checked, logged, pass }
}

/** Lets promises that can go on do so. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('The prober', () => {
  it('checks about every interval, the first time within five seconds', async () => {
    const times: number[] = []
    const made = proberOf([
      { name: 'a', check: async () => (times.push(made.clock.nowMs - 1_000_000), UP) },
    ])
    await made.pass(70)
    assert.deepEqual(times, [3_000, 33_000, 63_000])
  })

  it('spreads checks by a tenth of the interval', async () => {
    const timesWith = async (random: number): Promise<number[]> => {
      const times: number[] = []
      const made = proberOf(
        [{ name: 'a', check: async () => (times.push(made.clock.nowMs - 1_000_000), UP) }],
        () => random,
      )
      await made.pass(40)
      return times
    }
    assert.deepEqual(await timesWith(0), [1_000, 28_000])
    assert.deepEqual(await timesWith(0.999), [5_000, 38_000])
  })

  it('asks a required upstream at once, and says what it found', async () => {
    const { prober, checked } = proberOf([
      { name: 'a', check: async () => UP, required: true },
      { name: 'b', check: async () => UP },
    ])
    assert.deepEqual(prober.health(), [
      { upstream: 'a', up: undefined, errorType: undefined, required: true },
      { upstream: 'b', up: undefined, errorType: undefined, required: false },
    ])
    prober.tick()
    await settle()
    assert.deepEqual(checked, [['a', 0, undefined]])
    assert.equal(prober.health()[0]?.up, true)
  })

  it('gives up a check after its timeout while the others go on', async () => {
    const aborted: number[] = []
    const { pass, clock, checked } = proberOf([
      {
        name: 'hangs',
        check: (given) =>
          new Promise((resolve) =>
            given.addEventListener('abort', () => {
              aborted.push(clock.nowMs - 1_000_000)
              resolve({ up: false, errorType: 'timeout' })
            }),
          ),
      },
      { name: 'works', check: async () => UP, intervalMs: 2_000 },
    ])
    await pass(9)
    assert.deepEqual(aborted, [8_000])
    assert.deepEqual(
      checked.filter(([name]) => name === 'hangs'),
      [['hangs', 5_000, 'timeout']],
    )
    assert.ok(checked.filter(([name]) => name === 'works').length >= 3)
  })

  it('has one check of an upstream under way at a time', async () => {
    let running = 0
    const release = signal()
    const { prober, pass } = proberOf([
      {
        name: 'a',
        timeoutMs: 3_600_000,
        check: async () => {
          running += 1
          await release.promise
          return UP
        },
      },
    ])
    await pass(100)
    const asked = prober.check('a')
    assert.equal(running, 1)
    release.resolve()
    assert.equal(await asked, true)
    assert.equal(running, 1)
  })

  it('logs changes, and only these', async () => {
    const verdicts = [UP, UP, DOWN, DOWN, UP]
    const { pass, logged } = proberOf([
      { name: 'a', intervalMs: 10_000, check: async () => verdicts.shift() ?? UP },
    ])
    await pass(60)
    const event = 'sidelight.upstream.health_changed'
    const fields = (healthy: boolean, errorType?: string): object => ({
      'sidelight.upstream.name': 'a',
      'sidelight.upstream.healthy': healthy,
      'error.type': errorType,
    })
    assert.deepEqual(logged, [
      ['info', event, fields(true)],
      ['warn', event, fields(false, 'connect')],
      ['info', event, fields(true)],
    ])
  })

  it('survives a check with a defect', async () => {
    const { pass, checked, logged } = proberOf([
      { name: 'a', check: () => Promise.reject(new Error('broken')) },
    ])
    await pass(3)
    assert.deepEqual(checked, [['a', 0, 'internal']])
    assert.equal(logged[0]?.[1], 'sidelight.sidecar.defect')
  })

  it('forgets an upstream that is followed no more, with what was under way', async () => {
    const { prober, pass, checked } = proberOf([
      {
        name: 'a',
        check: (given) =>
          new Promise((resolve) => given.addEventListener('abort', () => resolve(DOWN))),
      },
    ])
    await pass(3)
    prober.follow('a', undefined)
    await pass(60)
    assert.deepEqual(checked, [])
    assert.deepEqual(prober.health(), [])
  })

  it('begins nothing after its end, and waits until what was under way has cleaned up', async () => {
    const cleaned = signal()
    let checks = 0
    const { prober, pass, checked } = proberOf([
      {
        name: 'a',
        check: async (given) => {
          checks += 1
          await new Promise((resolve) => given.addEventListener('abort', resolve))
          await cleaned.promise
          return DOWN
        },
      },
    ])
    await pass(3)
    let closed = false
    const closing = prober.close().then(() => (closed = true))
    await settle()
    assert.equal(closed, false)
    cleaned.resolve()
    await closing
    await pass(60)
    assert.equal(checks, 1)
    assert.deepEqual(checked, [])
    assert.equal(await prober.check('a'), undefined)
  })

  it('goes on when whoever is told of a check fails', async () => {
    const clock = new FakeClock()
    let checks = 0
    const logged: string[] = []
    const prober = new Prober({
      clock,
      log: { enabled: () => true, write: (_level, event) => void logged.push(event) },
      observer: {
        healthChecked: () => {
          throw new Error('a defect')
        },
      },
      random: () => 0.5,
    })
    const check = (): Promise<Verdict> => {
      checks += 1
      return Promise.resolve(UP)
    }
    prober.follow('a', { check, intervalMs: 30_000, timeoutMs: 5_000, required: false })
    for (let second = 0; second < 40; second += 1) {
      clock.advance(1_000)
      prober.tick()
      await settle()
    }
    assert.equal(checks, 2)
    assert.deepEqual(logged, ['sidelight.sidecar.defect', 'sidelight.sidecar.defect'])
  })

  it('keeps what it found out of a server that is configured otherwise, and of no other', async () => {
    const plan = { intervalMs: 30_000, timeoutMs: 5_000, required: true }
    const made = proberOf([{ name: 'a', check: async () => UP, ...plan }])
    await made.pass(1)
    assert.equal(made.prober.health()[0]?.up, true)
    made.prober.follow('a', { ...plan, check: async () => DOWN }, true)
    assert.equal(made.prober.health()[0]?.up, true)
    await made.pass(1)
    assert.equal(made.prober.health()[0]?.up, false)
    made.prober.follow('a', { ...plan, check: async () => UP })
    assert.equal(made.prober.health()[0]?.up, undefined)
  })
})
