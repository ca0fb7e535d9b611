/** Whether the files without which a sidecar does not start can be read, and say what they should. */

import type { Config } from '../../config/schema.ts'
import { createAdminGate } from '../admin-gate.ts'
import { loadPins } from '../pins.ts'
import type { Effects } from './effects.ts'
import { fail, ok, type Finding } from './finding.ts'

const LOG = { enabled: () => false, write: () => {} }

const ADVICE = 'correct it: the sidecar does not start'

export async function checkStartFiles(
  config: Config,
  effects: Effects,
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  const pins = loadPins(config)
  const gate = createAdminGate({ config, log: LOG, loopback: true, authenticator: undefined })
  for (const made of [pins, gate]) {
    if ('what' in made) findings.push(fail('file', made.address, made.code, ADVICE))
  }
  const { revocations } = config.auth
  if (revocations !== undefined) {
    const found = await effects.look(revocations)
    findings.push(
      typeof found === 'string'
        ? fail('file', revocations, `cannot be looked at (${found})`, ADVICE)
        : ok('file', revocations, 'there'),
    )
  }
  return findings
}
