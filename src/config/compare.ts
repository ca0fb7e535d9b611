/** What a new configuration changes: what can be applied while running, and what needs a restart. */

import { isDeepStrictEqual } from 'node:util'
import type { Config } from './schema.ts'

export interface ConfigChange {
  /** Names of upstreams. */
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** Upstreams that stay but are reached or treated otherwise than before. */
  readonly changed: readonly string[]
  /** Other keys that take effect at once, such as `rejections`. */
  readonly live: readonly string[]
  /** Keys that take effect at the next start only, such as `listen.data`. */
  readonly needRestart: readonly string[]
}

/** Keys that a running sidecar follows, with everything below them. */
const LIVE_KEYS: readonly string[] = [
  'upstreams',
  'rejections',
  'policy',
  'auth',
  'alerts',
  'insight.health',
  'mcp',
  'ui',
]

/** What waits for a restart, of those: labels make an alert the alert that it is. */
const START_KEYS: readonly string[] = ['alerts.labels']

export function compareConfigs(before: Config, after: Config): ConfigChange {
  const names = Object.keys(after.upstreams)
  const known = before.upstreams
  const others = changedPaths({ ...before, upstreams: {} }, { ...after, upstreams: {} }, '')
  return {
    added: names.filter((name) => !Object.hasOwn(known, name)),
    removed: Object.keys(known).filter((name) => !Object.hasOwn(after.upstreams, name)),
    changed: names.filter(
      (name) =>
        Object.hasOwn(known, name) && !isDeepStrictEqual(known[name], after.upstreams[name]),
    ),
    live: others.filter((path) => isFollowed(path)),
    needRestart: others.filter((path) => !isFollowed(path)),
  }
}

/** Whether a running sidecar follows a key; the others are read at the start only. */
export function isFollowed(path: string): boolean {
  const isIn = (key: string): boolean => path === key || path.startsWith(`${key}.`)
  return LIVE_KEYS.some(isIn) && !START_KEYS.some(isIn)
}

/** What a sidecar that runs with `before` makes of `after`: keys that it does not follow stay. */
export function withFollowed(before: Config, after: Config): Config {
  const { upstreams, rejections, policy, auth, mcp, ui } = after
  return {
    ...before,
    upstreams,
    rejections,
    policy,
    auth,
    mcp,
    ui,
    alerts: {
      ...after.alerts,
      labels: before.alerts.labels,
    },
    insight: {
      ...before.insight,
      health: after.insight.health,
    },
  }
}

export const NO_CHANGE: ConfigChange = {
  added: [],
  removed: [],
  changed: [],
  live: [],
  needRestart: [],
}

export function changesNothing(change: ConfigChange): boolean {
  return Object.values(change).every((names: readonly string[]) => names.length === 0)
}

/** Paths of the values that differ; lists are compared whole. */
function changedPaths(before: unknown, after: unknown, path: string): string[] {
  if (isDeepStrictEqual(before, after)) return []
  if (!isRecord(before) || !isRecord(after)) return [path]
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].flatMap((key) =>
    changedPaths(before[key], after[key], path === '' ? key : `${path}.${key}`),
  )
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
