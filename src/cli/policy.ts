/** The policy of a configuration. */

import type { Config } from '../config/schema.ts'
import type { Log } from '../core/log.ts'
import { ANONYMOUS } from '../policy/compile.ts'
import { compilePolicy, type Policy, type PolicyResult } from '../policy/policy.ts'

interface Problem {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** What is wrong with the policy, with the place of each problem in the configuration. */
export function policyProblems(config: Config): readonly Problem[] {
  const { policy, auth } = config
  if (policy === undefined) return []
  const nobody = auth.mode === 'off'
  const anonymous = Object.hasOwn(policy.roles, ANONYMOUS)
  if (nobody && !anonymous) {
    const message =
      'nobody is authenticated with auth.mode: off, so no role is ever held: set auth.mode, or give every request the rights of a role named anonymous'
    return [{ path: ['policy', 'roles'], message }]
  }
  if (!nobody && anonymous) {
    const message = `the role anonymous is for auth.mode: off; with auth.mode: ${auth.mode} nobody has it`
    return [{ path: ['policy', 'roles', ANONYMOUS], message }]
  }
  const compiled = compile(config, () => {})
  return compiled?.kind === 'invalid'
    ? compiled.problems.map(({ path, message }) => ({ path: ['policy', ...path], message }))
    : []
}

/** Undefined when there is none. The configuration has been checked by `policyProblems`. */
export function createPolicy(config: Config, log: Log): Policy | undefined {
  const compiled = compile(config, (role) =>
    log.write(
      'warn',
      'sidelight.policy.role_unknown',
      'A token names a role that the policy does not know',
      {
        'sidelight.policy.role': role.slice(0, ROLE_CHARS_MAX),
      },
    ),
  )
  if (compiled === undefined) return undefined
  if (compiled.kind === 'invalid') throw new Error('a policy was used before it was checked')
  return compiled.policy
}

const ROLE_CHARS_MAX = 128

function compile(config: Config, onUnknownRole: (role: string) => void): PolicyResult | undefined {
  if (config.policy === undefined) return undefined
  return compilePolicy({
    config: config.policy,
    upstreams: Object.keys(config.upstreams),
    anonymous: config.auth.mode === 'off',
    onUnknownRole,
  })
}
