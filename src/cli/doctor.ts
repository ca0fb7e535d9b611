/** `sidelight doctor`: looks at everything that a sidecar needs, before it is started or when it fails. */

import type { Config } from '../config/schema.ts'
import { formatProblems } from '../config/load.ts'
import { EXIT, type CommandContext } from './command.ts'
import { checkCollector } from './doctor/collector.ts'
import { checkDisk } from './doctor/disk.ts'
import { realEffects, type Effects } from './doctor/effects.ts'
import { fail, formatReport, ok, reportOf, type Finding } from './doctor/finding.ts'
import { checkIssuers } from './doctor/issuers.ts'
import { checkListeners } from './doctor/listeners.ts'
import { checkReceivers } from './doctor/receivers.ts'
import { checkSecretFiles } from './doctor/secret-files.ts'
import { checkStartFiles } from './doctor/start-files.ts'
import { checkUpstreams } from './doctor/upstreams.ts'
import type { FlagValues } from './flags.ts'
import { readSource } from './source.ts'

/** 0 when nothing failed, 1 otherwise. `effects` are the real ones but in tests. */
export async function doctorCommand(
  flags: FlagValues,
  context: CommandContext,
  effects: Effects = realEffects(context.clock),
): Promise<number> {
  const source = await readSource('doctor', flags, context)
  if (typeof source === 'string') {
    context.err(`${source}\n`)
    return EXIT.usage
  }
  const { name, result } = source
  const findings =
    result.kind === 'invalid'
      ? [fail('config', name, formatProblems(name, result.problems), 'correct the file')]
      : await examine(name, result.config, context, effects)
  const report = reportOf(findings)
  context.out(
    flags['json'] === true ? `${JSON.stringify(report, null, 2)}\n` : formatReport(report),
  )
  return report.ok ? EXIT.ok : EXIT.failed
}

/** All at once; each takes a few seconds at most. */
async function examine(
  name: string,
  config: Config,
  { env, version, clock }: CommandContext,
  effects: Effects,
): Promise<readonly Finding[]> {
  const count = Object.keys(config.upstreams).length
  const found = await Promise.all([
    checkListeners(config, effects),
    checkUpstreams({ config, env, version, clock, effects }),
    checkIssuers({ config, clock, effects }),
    checkCollector(env, effects),
    checkReceivers(config, effects),
    checkDisk(config, effects),
    checkSecretFiles(config, effects),
    checkStartFiles(config, effects),
  ])
  const words = `valid, ${count} ${count === 1 ? 'upstream' : 'upstreams'}`
  return [ok('config', name, words), ...found.flat()]
}
