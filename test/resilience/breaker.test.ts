import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { REFUSED, UNCOUNTED } from '../../src/resilience/breaker.ts'
import type { ProbeResult } from '../../src/resilience/breaker-state.ts'
import { BreakerRig, FAIL, failIn, IGNORED, LIST_OK, OK, SLOW, SOFT_FAIL } from './breaker-fakes.ts'

describe('A closed breaker', () => {
  it('opens with the fifth failure in a row, and not with the fourth', () => {
    const rig = new BreakerRig()
    rig.calls(4, FAIL)
    assert.equal(rig.state, 'closed')
    rig.call(FAIL)
    assert.deepEqual(rig.changes, ['closed>open failures_in_row'])
    assert.equal(rig.call(OK), false)
  })

  it('begins to count anew after a success', () => {
    const rig = new BreakerRig()
    rig.calls(4, FAIL)
    rig.call(OK)
    rig.calls(4, FAIL)
    assert.equal(rig.state, 'closed')
  })

  it('is not fooled by lists that work while calls of tools fail', () => {
    const rig = new BreakerRig()
    for (let i = 0; i < 5; i += 1) {
      rig.calls(3, LIST_OK)
      rig.call(FAIL)
    }
    assert.deepEqual(rig.changes, ['closed>open failures_in_row'])
  })

  it('opens when four of five calls fail for ever, which never is five in a row', () => {
    const rig = new BreakerRig()
    let admitted = 0
    for (let i = 0; i < 1_000; i += 1) {
      rig.now += 10
      if (rig.call(i % 5 === 4 ? OK : FAIL)) admitted += 1
    }
    assert.equal(rig.changes[0], 'closed>open failure_rate')
    // The twentieth call is a success, and only a failure opens it.
    assert.equal(rig.transitions[0]?.calls, 21)
    assert.ok(admitted < 100, `${admitted} calls were made`)
  })

  it('does not open by rate below twenty calls', () => {
    const rig = new BreakerRig({ failuresInRow: undefined })
    rig.calls(19, FAIL)
    assert.equal(rig.state, 'closed')
    rig.call(FAIL)
    assert.equal(rig.state, 'open')
  })

  it('forgets failures that are older than its window, however long nothing happened', () => {
    const rig = new BreakerRig({ failuresInRow: undefined })
    rig.calls(19, FAIL)
    rig.now += 3_600_000
    rig.call(FAIL)
    assert.equal(rig.state, 'closed')
    assert.equal(rig.breaker.view(rig.now).calls, 1)
  })

  it('learns nothing from results that say nothing', () => {
    const rig = new BreakerRig()
    rig.calls(4, FAIL)
    rig.calls(100, IGNORED)
    assert.equal(rig.breaker.view(rig.now).calls, 4)
    rig.call(FAIL)
    assert.equal(rig.state, 'open')
  })

  it('counts the end of a process that took a hundred calls with it once', () => {
    const rig = new BreakerRig()
    const tickets = Array.from({ length: 100 }, () => rig.begin())
    for (const ticket of tickets) rig.end(ticket, failIn(77))
    assert.equal(rig.state, 'closed')
    assert.equal(rig.breaker.view(rig.now).failed, 1)
    for (const incident of [78, 79, 80, 81]) rig.call(failIn(incident))
    assert.equal(rig.state, 'open')
  })

  it('reports slow calls, and opens for them only when it is told to', () => {
    const reporting = new BreakerRig()
    reporting.calls(30, SLOW)
    assert.equal(reporting.state, 'closed')
    assert.equal(reporting.breaker.view(reporting.now).slow, 30)
    const enforcing = new BreakerRig({ slowOpens: true })
    enforcing.calls(4, OK)
    enforcing.calls(16, SLOW)
    assert.deepEqual(enforcing.changes, ['closed>open slow_rate'])
  })
})

describe('A failure that is not hard', () => {
  it('ends no run and makes none, and counts in the rate', () => {
    const rig = new BreakerRig()
    rig.calls(4, FAIL)
    rig.calls(10, SOFT_FAIL)
    assert.equal(rig.state, 'closed')
    rig.calls(6, SOFT_FAIL)
    assert.deepEqual(rig.changes, ['closed>open failure_rate'])
  })
})

describe('An open breaker', () => {
  it('is not kept open by failures of calls that began before', () => {
    const rig = new BreakerRig()
    const early = Array.from({ length: 50 }, () => rig.begin())
    rig.calls(5, FAIL)
    const until = rig.breaker.view(rig.now).openUntilMs
    rig.now += 4_000
    for (const ticket of early) rig.end(ticket, FAIL)
    assert.equal(rig.breaker.view(rig.now).openUntilMs, until)
    assert.equal(rig.late, 50)
  })

  it('stays open for 5, 10, 20, 40, 60 and 60 s when every trial fails', () => {
    const rig = new BreakerRig()
    rig.calls(5, FAIL)
    const seconds: number[] = []
    for (let i = 0; i < 6; i += 1) {
      seconds.push((rig.transitions.at(-1)?.openMs ?? 0) / 1_000)
      rig.wait(60_000)
      rig.call(FAIL)
    }
    assert.deepEqual(seconds, [5, 10, 20, 40, 60, 60])
  })

  it('takes off up to half of its time by chance', () => {
    const rig = new BreakerRig()
    rig.random = 0
    rig.calls(5, FAIL)
    assert.equal(rig.transitions[0]?.openMs, 2_500)
  })

  it('begins with the first time again after ten minutes closed', () => {
    const rig = new BreakerRig()
    rig.halfOpen()
    rig.calls(3, OK)
    rig.now += 599_999
    rig.calls(5, FAIL)
    assert.equal(rig.transitions.at(-1)?.openMs, 10_000)
    rig.wait(60_000)
    rig.calls(3, OK)
    rig.now += 600_000
    rig.calls(5, FAIL)
    assert.equal(rig.transitions.at(-1)?.openMs, 5_000)
  })

  it('says how long to wait', () => {
    const rig = new BreakerRig()
    rig.calls(5, FAIL)
    rig.now += 2_000
    assert.equal(rig.breaker.retryAfterMs(rig.now), 3_000)
    assert.equal(rig.breaker.nextAtMs(), 6_000)
  })

  it('becomes half open by time alone', () => {
    const rig = new BreakerRig()
    rig.calls(5, FAIL)
    rig.wait(4_999)
    assert.equal(rig.state, 'open')
    rig.wait(1)
    assert.deepEqual(rig.changes.slice(1), ['open>half_open open_time_over'])
  })
})

describe('A half-open breaker', () => {
  it('lets one of a thousand calls through and refuses the others at once', () => {
    const rig = new BreakerRig()
    rig.halfOpen()
    const admitted = Array.from({ length: 1_000 }, () => rig.begin()).filter((t) => t !== REFUSED)
    assert.equal(admitted.length, 1)
  })

  it('closes after three trials, one after the other', () => {
    const rig = new BreakerRig()
    rig.halfOpen()
    rig.calls(2, OK)
    assert.equal(rig.state, 'half_open')
    rig.call(OK)
    assert.equal(rig.changes.at(-1), 'half_open>closed trials_passed')
    assert.deepEqual(rig.trials, ['passed', 'passed', 'passed'])
  })

  it('opens again with the first trial that fails', () => {
    const rig = new BreakerRig()
    rig.halfOpen()
    rig.calls(2, OK)
    rig.call(FAIL)
    assert.equal(rig.changes.at(-1), 'half_open>open trial_failed')
  })

  it('gives a trial back whose result says nothing', () => {
    const rig = new BreakerRig()
    rig.halfOpen()
    for (let i = 0; i < 50; i += 1) assert.equal(rig.call(IGNORED), true)
    assert.equal(rig.state, 'half_open')
    rig.calls(3, OK)
    assert.equal(rig.state, 'closed')
  })

  it('is not held by a trial that never ends', () => {
    const rig = new BreakerRig()
    rig.halfOpen()
    const lost = rig.begin()
    rig.wait(29_999)
    assert.equal(rig.begin(), REFUSED)
    rig.wait(1)
    assert.equal(rig.changes.at(-1), 'half_open>open trial_lost')
    rig.end(lost, OK)
    assert.equal(rig.late, 1)
    rig.wait(60_000)
    rig.calls(3, OK)
    assert.equal(rig.state, 'closed')
  })

  it('learns nothing from calls that began when it was closed', () => {
    const rig = new BreakerRig()
    const early = Array.from({ length: 6 }, () => rig.begin())
    rig.halfOpen()
    for (const ticket of early.slice(0, 3)) rig.end(ticket, OK)
    assert.equal(rig.state, 'half_open')
    for (const ticket of early.slice(3)) rig.end(ticket, FAIL)
    assert.equal(rig.state, 'half_open')
    assert.equal(rig.late, 6)
  })
})

describe('After it closed', () => {
  it('calls come back slowly: a tenth at once, all after ten seconds', () => {
    const rig = new BreakerRig()
    assert.equal(rig.breaker.share(rig.now), 1)
    rig.halfOpen()
    rig.calls(3, OK)
    assert.ok(Math.abs(rig.breaker.share(rig.now) - 0.1) < 1e-9)
    assert.ok(Math.abs(rig.breaker.share(rig.now + 5_000) - 0.55) < 1e-9)
    assert.equal(rig.breaker.share(rig.now + 10_000), 1)
  })
})

describe('A breaker with a probe', () => {
  function probed(): { rig: BreakerRig; answers: ((result: ProbeResult) => void)[] } {
    const answers: ((result: ProbeResult) => void)[] = []
    const rig: BreakerRig = new BreakerRig({}, (done) => {
      answers.push((result) => done(result, rig.now))
    })
    return { rig, answers }
  }

  it('asks when its open time is over, and lets nobody through before the answer', () => {
    const { rig, answers } = probed()
    rig.calls(5, FAIL)
    rig.wait(5_000)
    assert.equal(answers.length, 1)
    assert.equal(rig.state, 'open')
    assert.equal(rig.call(OK), false)
    assert.equal(answers.length, 1)
    answers[0]?.('alive')
    assert.equal(rig.changes.at(-1), 'open>half_open probe_passed')
  })

  it('stays open for twice as long when the answer is no', () => {
    const { rig, answers } = probed()
    rig.calls(5, FAIL)
    rig.wait(5_000)
    answers[0]?.('dead')
    assert.equal(rig.changes.at(-1), 'open>open probe_failed')
    assert.equal(rig.transitions.at(-1)?.openMs, 10_000)
  })

  it('lets calls try when the probe cannot tell, or throws', () => {
    const { rig, answers } = probed()
    rig.calls(5, FAIL)
    rig.wait(5_000)
    answers[0]?.('unknown')
    assert.equal(rig.changes.at(-1), 'open>half_open open_time_over')
    const throwing = new BreakerRig({}, () => {
      throw new Error('a defect')
    })
    throwing.halfOpen()
    assert.equal(throwing.state, 'half_open')
  })

  it('asks every five seconds while it is open, and tries what was dead and answers again at once', () => {
    const { rig, answers } = probed()
    rig.calls(5, FAIL)
    rig.wait(5_000)
    answers[0]?.('dead')
    rig.wait(4_999)
    assert.equal(answers.length, 1)
    rig.wait(1)
    assert.equal(answers.length, 2)
    answers[1]?.('alive')
    assert.equal(rig.changes.at(-1), 'open>half_open probe_passed')
    assert.equal(rig.now, 11_000)
  })

  it('keeps to its open time when the upstream answers probes all the while and fails calls', () => {
    const { rig, answers } = probed()
    rig.calls(5, FAIL)
    rig.wait(5_000)
    answers[0]?.('alive')
    rig.call(FAIL)
    assert.equal(rig.changes.at(-1), 'half_open>open trial_failed')
    rig.wait(5_000)
    answers[1]?.('alive')
    assert.equal(rig.state, 'open')
    rig.wait(5_000)
    answers[2]?.('alive')
    assert.equal(rig.changes.at(-1), 'open>half_open probe_passed')
    assert.equal(rig.now, 16_000)
  })

  it('is not held by a probe that never answers, nor moved by one that answers late', () => {
    const { rig, answers } = probed()
    rig.calls(5, FAIL)
    rig.wait(5_000)
    rig.wait(10_000)
    assert.equal(rig.changes.at(-1), 'open>open probe_failed')
    const until = rig.breaker.view(rig.now).openUntilMs
    answers[0]?.('alive')
    assert.equal(rig.state, 'open')
    assert.equal(rig.breaker.view(rig.now).openUntilMs, until)
  })
})

describe('By hand', () => {
  const order = (mode: 'forced_open' | 'forced_closed' | 'metrics_only', untilMs: number) =>
    ({ mode, reason: 'test', actor: 'ann', untilMs }) as const

  it('it is opened until the order runs out, and tried before it is trusted', () => {
    const rig = new BreakerRig()
    rig.breaker.force(order('forced_open', rig.now + 600_000), rig.now)
    rig.wait(599_999)
    assert.equal(rig.call(OK), false)
    rig.wait(1)
    assert.deepEqual(rig.changes, ['closed>open forced_open', 'open>half_open override_ended'])
    rig.calls(3, OK)
    assert.equal(rig.state, 'closed')
  })

  it('it is opened while a trial is under way, whose result then counts for nothing', () => {
    const rig = new BreakerRig()
    rig.halfOpen()
    const trial = rig.begin()
    rig.breaker.force(order('forced_open', rig.now + 1_000), rig.now)
    rig.end(trial, OK)
    assert.equal(rig.state, 'open')
    assert.equal(rig.late, 1)
  })

  it('it is closed until the order runs out, whatever fails', () => {
    const rig = new BreakerRig()
    rig.calls(5, FAIL)
    rig.breaker.force(order('forced_closed', rig.now + 1_000), rig.now)
    for (let i = 0; i < 50; i += 1) assert.equal(rig.call(FAIL), true)
    assert.equal(rig.state, 'closed')
    rig.wait(1_000)
    rig.call(FAIL)
    assert.equal(rig.state, 'open')
  })

  it('it only reports, and lets through what it would have refused', () => {
    const rig = new BreakerRig()
    rig.breaker.force(order('metrics_only', rig.now + 1_000), rig.now)
    rig.calls(5, FAIL)
    assert.equal(rig.state, 'open')
    assert.equal(rig.begin(), UNCOUNTED)
    rig.wait(1_000)
    assert.equal(rig.begin(), REFUSED)
  })

  it('it is reset, and forgets how often it opened', () => {
    const rig = new BreakerRig()
    rig.halfOpen()
    rig.call(FAIL)
    rig.breaker.reset(rig.now)
    assert.equal(rig.changes.at(-1), 'open>closed reset')
    rig.calls(5, FAIL)
    assert.equal(rig.transitions.at(-1)?.openMs, 5_000)
  })
})

describe('A breaker that only reports', () => {
  it('refuses nobody, opens all the same, and closes by trials', () => {
    const rig = new BreakerRig({ reportOnly: true })
    rig.calls(5, FAIL)
    assert.equal(rig.state, 'open')
    assert.equal(rig.call(OK), true)
    rig.wait(5_000)
    rig.calls(3, OK)
    assert.equal(rig.state, 'closed')
  })
})
