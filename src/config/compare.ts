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

/** Keys outside `upstreams` that a running sidecar follows. */
const LIVE_KEYS: ReadonlySet<string> = new Set(['rejections', 'policy', 'alerts', 'mcp', 'ui'])

/** What is read at the start only, of those. */
const START_KEYS: readonly string[] = ['alerts.labels', 'alerts.externalUrl']

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
    live: others.filter((path) => isLive(path)),
    needRestart: others.filter((path) => !isLive(path)),
  }
}

/** A key is followed with everything below it. */
function isLive(path: string): boolean {
  if (START_KEYS.some((key) => path === key || path.startsWith(`${key}.`))) return false
  return LIVE_KEYS.has(path.split('.', 1)[0] ?? '')
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
