/** Whether the keys of issuers can be had, and tokens verified with them. */

import type { IssuerRules } from '../../auth/issuer-rules.ts'
import type { VerificationKey } from '../../auth/key-source.ts'
import type { Config } from '../../config/schema.ts'
import type { AuthObserver } from '../../core/authentication.ts'
import type { Clock } from '../../core/clock.ts'
import { readOnce } from '../auth-files.ts'
import { createIssuers } from '../issuers.ts'
import { durationOf } from '../units.ts'
import { checkClock } from './clock.ts'
import type { Effects } from './effects.ts'
import { fail, ok, warn, type Finding } from './finding.ts'

export interface IssuersOptions {
  readonly config: Config
  readonly clock: Clock
  readonly effects: Effects
}

export async function checkIssuers(options: IssuersOptions): Promise<readonly Finding[]> {
  const { config, clock, effects } = options
  if (config.auth.mode === 'off') return []
  const details = new Map<string, string>()
  const observer: AuthObserver = {
    authenticated: () => {},
    refused: () => {},
    keySetRefreshed: (issuer, result, detail) => void details.set(issuer, `${result}: ${detail}`),
  }
  const log = { enabled: () => false, write: () => {} }
  const issuers = createIssuers({ config, clock, log, observer })
  if ('what' in issuers) {
    const { address, code } = issuers
    return [fail('issuer', address, code, 'correct it: the sidecar does not start')]
  }
  try {
    const found = await Promise.all(
      [...issuers.rules.values()].map(async (rules) => [
        await checkKeys(rules, details),
        ...(await clockOf(rules.issuer, config, effects)),
      ]),
    )
    return found.flat()
  } finally {
    issuers.close()
  }
}

async function checkKeys(
  { issuer, algorithms, keys }: IssuerRules,
  details: ReadonlyMap<string, string>,
): Promise<Finding> {
  const usable: string[] = []
  for (const algorithm of algorithms) {
    let found = keys.find(undefined, algorithm)
    if (found.kind === 'wait') {
      await found.until
      found = keys.find(undefined, algorithm)
    }
    if (found.kind === 'unavailable') {
      const advice =
        'correct jwks of this issuer, or what is between; tokens are refused until then'
      const why = details.get(issuer) ?? 'unreachable'
      return fail('issuer', issuer, `its keys cannot be had (${why})`, advice)
    }
    if (found.kind === 'keys' && (await anyImports(found.keys, algorithm))) usable.push(algorithm)
  }
  if (usable.length === 0) {
    const wanted = algorithms.join(', ')
    const advice = `let it publish a key for one of ${wanted}, or change algorithms`
    return fail('issuer', issuer, 'none of its keys can verify a token', advice)
  }
  const count = keys.view()?.keys
  if (count === undefined) {
    const advice = 'configure issuers (auth.mode: required) where others can connect'
    return warn('issuer', issuer, 'a shared secret, for trying out', advice)
  }
  return ok('issuer', issuer, `${count} keys, for ${usable.join(', ')}`)
}

async function anyImports(keys: readonly VerificationKey[], algorithm: string): Promise<boolean> {
  for (const key of keys) {
    try {
      await key.for(algorithm)
      return true
    } catch {
      // Its numbers are none of a key; another one may do.
    }
  }
  return false
}

async function clockOf(
  issuer: string,
  { auth }: Config,
  effects: Effects,
): Promise<readonly Finding[]> {
  const its = auth.issuers.find((one) => one.issuer === issuer)
  if (its === undefined || typeof its.jwks === 'object') return []
  const place = its.jwks === 'auto' ? issuer : its.jwks
  if (!URL.canParse(place)) return []
  const ca = its.caFile === undefined ? undefined : readOnce('caFile', its.caFile)
  return checkClock(
    {
      subject: `issuer ${issuer}`,
      url: new URL(place),
      ca: typeof ca === 'string' ? ca : undefined,
      toleranceMs: durationOf(auth.clockTolerance),
    },
    effects,
  )
}
