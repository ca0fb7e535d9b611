/** What the admin API shows, put together from those who know it. */

import { maskSecrets } from '../config/print.ts'
import type { Config } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import type { Readiness } from '../http/admin-app.ts'
import type { ReloadView } from '../http/api/config-routes.ts'
import type { ConfigProblemView } from '../http/api/problem.ts'
import type { Snapshot } from '../http/api/snapshot-schema.ts'
import type { CallView, Window } from '../http/api/stats-schema.ts'
import type {
  GuardView,
  ToolView,
  UpstreamGlance,
  UpstreamView,
} from '../http/api/upstream-schema.ts'
import type { ApiViews, Shown } from '../http/api/views.ts'
import type { RecentCall, UpstreamStats, WindowStats } from '../insight/views.ts'
import type { Parts, SidecarOptions } from './parts.ts'
import type { ReloadReport } from './reload.ts'
import { withSilenceRecords } from './silence-records.ts'

export interface ApiViewsOptions {
  readonly parts: Parts
  readonly version: string
  readonly clock: Clock
  /** Where clients reach upstreams; undefined with `wrap`. */
  readonly dataUrl: string | undefined
  readonly takesOrders: () => boolean
  readonly readiness: () => Readiness
  readonly reload: SidecarOptions['reload']
}

/** How far back the timeline of a window reaches. */
const SPANS = { '1m': '5m', '5m': '5m', '1h': '1h', '24h': '24h' } as const

export function createApiViews(options: ApiViewsOptions): ApiViews {
  const { parts, clock, reload } = options
  const insight = withSilenceRecords(parts.insight, parts.audit.trail, clock)
  const startedAtMs = options.clock.wallMs()
  const build = {
    version: options.version,
    node: process.version,
    startedAtMs,
    instanceId: parts.telemetry.instanceId,
  }
  const call = (found: RecentCall): Shown<CallView> => withTraceUrl(found, parts.config())
  return {
    insight,
    build: () => build,
    readiness: options.readiness,
    snapshot: (window) => snapshotOf(window, options, build),
    upstreams: () => upstreamsOf(options, call),
    tools: (window, upstream) => toolsOf(window, upstream, options),
    call,
    breakers: () => parts.breakers.list(),
    order: (upstream, order) => parts.breakers.order(upstream, order),
    catalogues: () => parts.telemetry.catalogue.views(),
    drifts: () => parts.telemetry.catalogue.recentDrifts(),
    audit: parts.audit.reader,
    config: () => maskSecrets(parts.config()),
    reload: reload === undefined ? undefined : async (actor) => toView(await reload(actor)),
  }
}

function toView(report: ReloadReport): ReloadView | readonly ConfigProblemView[] {
  if (report.result === 'invalid') {
    return report.problems.map(({ path, line, message }) => ({
      path,
      ...(line === undefined ? {} : { line }),
      message,
    }))
  }
  const { added, removed, changed, live, needRestart } = report.change
  return {
    result: report.result,
    upstreamsAdded: [...added],
    upstreamsRemoved: [...removed],
    upstreamsChanged: [...changed],
    keysChanged: [...live],
    keysNeedRestart: [...needRestart],
  }
}

function withTraceUrl(call: RecentCall, { ui }: Config): Shown<CallView> {
  const { traceId } = call
  if (ui.traceUrl === undefined || traceId === undefined) return call
  return { ...call, traceUrl: ui.traceUrl.replaceAll('{traceId}', traceId) }
}

function snapshotOf(
  window: Window,
  options: ApiViewsOptions,
  build: Snapshot['build'],
): Shown<Snapshot> {
  const { parts, clock, dataUrl } = options
  const { insight } = parts
  const overview = insight.overview([window])
  return {
    atMs: clock.wallMs(),
    window,
    build,
    readiness: options.readiness().status,
    ...(dataUrl === undefined ? {} : { dataUrl: parts.config().listen.publicUrl ?? dataUrl }),
    takesOrders: options.takesOrders(),
    health: overview.health,
    inFlight: overview.inFlight,
    totals: windowOf(overview.windows, window),
    timeline: insight.timeline(undefined, SPANS[window]) ?? [],
    upstreams: glancesOf(window, options),
    alerts: insight.alerts(),
    receivers: insight.receivers(),
    drifts: parts.telemetry.catalogue.recentDrifts(),
    lastSeq: insight.recentCalls({ limit: 1 }).lastSeq,
  }
}

function windowOf(windows: readonly WindowStats[], name: Window): WindowStats {
  const found = windows.find(({ window }) => window === name)
  return found ?? emptyStats(name)
}

function emptyStats(window: Window): WindowStats {
  return {
    window,
    coveredMs: 0,
    calls: 0,
    ratePerSecond: 0,
    outcomes: [],
    eligible: 0,
    errors: 0,
    unavailable: 0,
    errorRate: undefined,
    availability: undefined,
    answered: undefined,
    failed: undefined,
    all: undefined,
    firstEvent: undefined,
    requestBytes: 0,
    responseBytes: 0,
    resultTokens: 0,
  }
}

type Identity = Omit<Shown<UpstreamGlance>, 'stats' | 'timeline'>

/** Those of the configuration: calls that named no upstream belong to none. */
function* configured(
  options: ApiViewsOptions,
  windows?: readonly Window[],
): Generator<{ readonly stats: UpstreamStats; readonly identity: Identity }> {
  const { parts } = options
  const config = parts.config()
  const guards = new Map(parts.breakers.list().map((guard) => [guard.upstream, guard]))
  const errors = new Map(
    parts.prober?.health().map(({ upstream, errorType }) => [upstream, errorType]),
  )
  for (const stats of parts.insight.upstreams(windows)) {
    const its = config.upstreams[stats.upstream]
    if (its === undefined) continue
    const upError = errors.get(stats.upstream)
    yield { stats, identity: identityOf(stats, its, guards.get(stats.upstream), upError, parts) }
  }
}

function identityOf(
  stats: UpstreamStats,
  its: Config['upstreams'][string],
  guard: Shown<GuardView> | undefined,
  upError: string | undefined,
  parts: Parts,
): Identity {
  const name = stats.upstream
  const listed = parts.telemetry.catalogue.view(name)
  const transport = its.command === undefined ? its.transport : 'stdio'
  return {
    name,
    transport,
    target: targetOf(its),
    path: its.path ?? (transport === 'sse' ? `/${name}/sse` : `/${name}/mcp`),
    ...(stats.up === undefined ? {} : { up: stats.up }),
    ...(upError === undefined ? {} : { upError }),
    inFlight: stats.inFlight,
    health: stats.health,
    guard: guard ?? null,
    catalogue: { tools: listed?.tools ?? 0, tokens: listed?.tokens ?? 0 },
  }
}

/** No query and no arguments: they may be secrets. */
function targetOf({ url, command }: Config['upstreams'][string]): string {
  if (url === undefined) return command?.[0] ?? ''
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}

function glancesOf(window: Window, options: ApiViewsOptions): readonly Shown<UpstreamGlance>[] {
  return [...configured(options, [window])].map(({ stats, identity }) => ({
    ...identity,
    stats: windowOf(stats.windows, window),
    timeline: options.parts.insight.timeline(identity.name, SPANS[window]) ?? [],
  }))
}

function upstreamsOf(
  options: ApiViewsOptions,
  call: ApiViews['call'],
): readonly Shown<UpstreamView>[] {
  return [...configured(options)].map(({ stats, identity }) => ({
    ...identity,
    windows: stats.windows,
    lastErrors: stats.lastErrors.map((one) => call(one)),
  }))
}

/** Tools that were called, and those that stand in a list but were not. */
function toolsOf(
  window: Window,
  upstream: string | undefined,
  { parts }: ApiViewsOptions,
): readonly Shown<ToolView>[] {
  const tools = new Map<string, Shown<ToolView>>()
  const keyOf = (name: string, tool: string): string => `${name} ${tool}`
  for (const stats of parts.insight.tools({ window, upstream })) {
    tools.set(keyOf(stats.upstream, stats.tool), stats)
  }
  for (const view of parts.telemetry.catalogue.views()) {
    if (upstream !== undefined && view.upstream !== upstream) continue
    for (const { name, tokens, pin } of view.list) {
      const known = tools.get(keyOf(view.upstream, name)) ?? {
        upstream: view.upstream,
        tool: name,
        inFlight: 0,
        stats: emptyStats(window),
      }
      const facts = { contextTokens: tokens, ...(pin === undefined ? {} : { pin }) }
      tools.set(keyOf(view.upstream, name), { ...known, ...facts })
    }
  }
  for (const guard of parts.breakers.list()) {
    for (const { tool, breaker } of guard.tools) {
      const known = tools.get(keyOf(guard.upstream, tool))
      if (known !== undefined) {
        tools.set(keyOf(guard.upstream, tool), { ...known, breaker: breaker.state })
      }
    }
  }
  return [...tools.values()]
}
