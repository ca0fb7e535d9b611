/** What the API shows and whom it tells orders: composed by `cli`, only read here. */

import type { AuditReader } from '../../core/audit.ts'
import type { Insight, RecentCall } from '../../insight/views.ts'
import type { Readiness } from '../admin-app.ts'
import type { BreakerOrder } from '../breaker-routes.ts'
import type { ReloadView } from './config-routes.ts'
import type { ConfigProblemView } from './problem.ts'
import type { BuildView, Snapshot } from './snapshot-schema.ts'
import type { CallView, Window } from './stats-schema.ts'
import type {
  CatalogueView,
  DriftView,
  GuardView,
  ToolView,
  UpstreamView,
} from './upstream-schema.ts'

/** A value and all in it, to be read only. */
export type Shown<T> = T extends readonly (infer Item)[]
  ? readonly Shown<Item>[]
  : T extends object
    ? { readonly [K in keyof T]: Shown<T[K]> }
    : T

export interface ApiViews {
  readonly insight: Insight
  build(): Shown<BuildView>
  readiness(): Readiness
  snapshot(window: Window): Shown<Snapshot>
  upstreams(): readonly Shown<UpstreamView>[]
  /** All upstreams when none is named. */
  tools(window: Window, upstream: string | undefined): readonly Shown<ToolView>[]
  /** A call with the address of its trace. */
  call(call: RecentCall): Shown<CallView>
  breakers(): readonly Shown<GuardView>[]
  order(upstream: string, order: BreakerOrder): 'done' | 'unknown_upstream' | 'no_breaker'
  catalogues(): readonly Shown<CatalogueView>[]
  /** Newest first. */
  drifts(): readonly Shown<DriftView>[]
  /** Undefined when there is no audit log. */
  readonly audit: AuditReader | undefined
  /** The effective configuration with secrets masked. */
  config(): object
  /** Reads the configuration again. Undefined where it came from no file. */
  readonly reload:
    | ((actor: string | undefined) => Promise<ReloadView | readonly ConfigProblemView[]>)
    | undefined
}
