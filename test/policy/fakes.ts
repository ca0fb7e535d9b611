/** Principals and policies for tests. */

import assert from 'node:assert/strict'
import type { Operation, OperationKind } from '../../src/core/operation.ts'
import type { Principal } from '../../src/core/principal.ts'
import type { PolicyConfig, RoleConfig } from '../../src/policy/compile.ts'
import { compilePolicy, type Policy, type PolicyOptions } from '../../src/policy/policy.ts'

export const UPSTREAMS = ['weather', 'weather-admin', 'files']

export function principal(fields: Partial<Principal> = {}): Principal {
  return {
    key: 'https://idp.example alice',
    issuer: 'https://idp.example',
    subject: 'alice',
    roles: ['analyst'],
    scopes: [],
    organization: undefined,
    sessionId: undefined,
    actors: [],
    expiresAtMs: 2_000_000_000_000,
    claims: {},
    ...fields,
  }
}

export function role(fields: Partial<RoleConfig>): RoleConfig {
  return { allow: [], deny: [], organizations: [], scopes: [], ...fields }
}

export function roles(
  of: Readonly<Record<string, Partial<RoleConfig>>>,
  mode: PolicyConfig['mode'] = 'enforce',
): PolicyConfig {
  return {
    mode,
    roles: Object.fromEntries(Object.entries(of).map(([name, fields]) => [name, role(fields)])),
  }
}

export function policyOf(config: PolicyConfig, options: Partial<PolicyOptions> = {}): Policy {
  const result = compilePolicy({ config, upstreams: UPSTREAMS, anonymous: false, ...options })
  return result.kind === 'policy' ? result.policy : assert.fail(JSON.stringify(result.problems))
}

export function operation(kind: OperationKind, name: string | undefined): Operation {
  return { kind, name, protocol: false }
}

export const tool = (name: string | undefined): Operation => operation('tool', name)

export const noArguments = (): Readonly<Record<string, unknown>> => ({})
