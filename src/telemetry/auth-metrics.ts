/** Counts what authentication finds; never by whom. */

import {
  KEY_SET_REFRESHES,
  type AuthObserver,
  type AuthRefusal,
  type KeySetRefresh,
  type KeySetView,
  type RequestFacts,
} from '../core/authentication.ts'
import type { Principal } from '../core/principal.ts'
import { boundedBy } from './describe-call.ts'
import type { SeriesSettings } from './histogram-series.ts'
import { METRICS } from './names.ts'
import { CounterFamily, GaugeFamily, type CounterSeries, type MetricFamily } from './series.ts'

export interface AuthSources {
  /** Names of issuers; empty when nobody is authenticated, and then there are no series. */
  readonly issuers: () => readonly string[]
  /** Read when metrics are collected. */
  readonly keySets: () => readonly KeySetView[]
  readonly cached: () => number
}

export const NO_AUTH: AuthSources = { issuers: () => [], keySets: () => [], cached: () => 0 }

/** It was not found out whether the token is valid. */
const UNAVAILABLE: ReadonlySet<AuthRefusal> = new Set([
  'keys_unavailable',
  'introspection_unavailable',
  'busy',
])

export class AuthMetrics implements AuthObserver {
  readonly families: readonly MetricFamily[]
  readonly #upstreams: ReadonlySet<string>
  readonly #attempts: CounterFamily
  readonly #cacheUses: CounterFamily
  readonly #keysReads: CounterFamily
  /** By upstream, of which there are as many as the configuration has had. */
  readonly #authenticated = new Map<string, CounterSeries>()
  #hits: CounterSeries | undefined

  constructor(
    { issuers, keySets, cached }: AuthSources,
    upstreams: ReadonlySet<string>,
    settings: SeriesSettings,
  ) {
    this.#upstreams = upstreams
    this.#attempts = new CounterFamily(METRICS.authAttempts, settings)
    this.#cacheUses = new CounterFamily(METRICS.authCacheUses, settings)
    this.#keysReads = new CounterFamily(METRICS.authKeysReads, settings)
    this.families = [
      this.#attempts,
      this.#cacheUses,
      new GaugeFamily(METRICS.authCacheEntries, () =>
        issuers().length > 0 ? [{ values: [], value: cached() }] : [],
      ),
      new GaugeFamily(METRICS.authKeysAge, () =>
        keySets().flatMap(({ issuer, ageSeconds }) =>
          ageSeconds === undefined ? [] : [{ values: [issuer], value: ageSeconds }],
        ),
      ),
      this.#keysReads,
    ]
    this.begin(issuers())
  }

  /** Told of issuers before anything is counted of them: a counter that is born at 1 shows no increase. */
  begin(issuers: readonly string[]): void {
    if (issuers.length === 0) return
    for (const use of ['hit', 'miss']) this.#cacheUses.add([use], 0)
    for (const issuer of issuers) {
      for (const outcome of KEY_SET_REFRESHES) this.#keysReads.add([issuer, outcome], 0)
    }
  }

  authenticated({ upstreamName }: RequestFacts, _principal: Principal, cached: boolean): void {
    this.#authenticatedAt(boundedBy(this.#upstreams, upstreamName)).add(1)
    if (!cached) return this.#cacheUses.add(['miss'], 1)
    this.#hits ??= this.#cacheUses.bind(['hit'])
    this.#hits.add(1)
  }

  /** Found once per upstream. */
  #authenticatedAt(upstream: string): CounterSeries {
    let series = this.#authenticated.get(upstream)
    if (series === undefined) {
      series = this.#attempts.bind([upstream, 'authenticated', ''])
      this.#authenticated.set(upstream, series)
    }
    return series
  }

  refused({ upstreamName }: RequestFacts, why: AuthRefusal): void {
    const outcome = UNAVAILABLE.has(why) ? 'unavailable' : 'refused'
    this.#attempts.add([boundedBy(this.#upstreams, upstreamName), outcome, why], 1)
  }

  keySetRefreshed(issuer: string, result: KeySetRefresh): void {
    this.#keysReads.add([issuer, result], 1)
  }
}
