/**
 * What the guard of an upstream costs a call: `node bench/breaker.ts [--write FILE]`.
 *
 * Success: admit, the end of the call, the settling of its permit. Refusal: admit while the breaker is
 * open, with the text that the client gets. CPU time of this process, best and median of the rounds.
 * Then the same refusal end to end, over sockets: refusals.ts.
 */

import { writeFileSync } from 'node:fs'
import { answerRefusal } from '../src/pipeline/refuse.ts'
import { describeMachine, loadAverage } from './machine.ts'
import { measureRefusals } from './refusals.ts'
import { failed, GuardRig, OK, toolCall } from '../test/resilience/guard-rig.ts'

const CALLS = 200_000
const ROUNDS = 9

function rounds(work: (calls: number) => void): { best: number; median: number } {
  work(CALLS)
  const us = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage()
    work(CALLS)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / CALLS
  }).toSorted((a, b) => a - b)
  return { best: us[0] ?? 0, median: us[ROUNDS >> 1] ?? 0 }
}

const exchange = toolCall()
const [call] = exchange.calls
if (call === undefined) throw new Error('no call')

function succeed(rig: GuardRig): (calls: number) => void {
  return (calls) => {
    for (let i = 0; i < calls; i += 1) {
      const pass = rig.guard.admit(exchange)
      if (pass.kind !== 'pass' || call === undefined) throw new Error('not admitted')
      call.outcome = OK
      pass.callEnded(call, OK, rig.now)
      pass.settle(OK)
    }
  }
}

const open = new GuardRig()
open.calls(5, failed('connect'))
const result = {
  success: rounds(succeed(new GuardRig())),
  successWithoutBreaker: rounds(
    succeed(new GuardRig({ breaker: undefined, toolBreaker: undefined })),
  ),
  refusal: rounds((calls) => {
    for (let i = 0; i < calls; i += 1) {
      // The rig notes each refusal; the note is not what is measured.
      open.told.length = 0
      const refused = open.guard.admit(exchange)
      if (refused.kind !== 'rejected') throw new Error('not refused')
      answerRefusal(exchange, refused, 'mcp')
    }
  }),
}
const before = loadAverage()
const endToEnd = await measureRefusals()
const text = JSON.stringify(
  {
    unit: 'us of CPU per call',
    node: process.version,
    machine: describeMachine(),
    loadAverage: { before, after: loadAverage() },
    ...result,
    refusalEndToEnd: endToEnd,
  },
  null,
  2,
)
console.log(text)
const file = process.argv[process.argv.indexOf('--write') + 1]
if (process.argv.includes('--write') && file !== undefined) writeFileSync(file, `${text}\n`)
