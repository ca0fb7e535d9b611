/** What becomes of a configuration that was read while the sidecar runs. */

import { findAuthProblem } from '../config/auth-rules.ts'
import {
  changesNothing,
  compareConfigs,
  withFollowed,
  type ConfigChange,
} from '../config/compare.ts'
import { formatProblems, type ConfigResult } from '../config/load.ts'
import type { ConfigProblem } from '../config/read-yaml.ts'
import type { Config } from '../config/schema.ts'
import type { Log } from '../core/log.ts'
import type { ReloadResult } from '../telemetry/instruments.ts'
import type { StartFailure } from './parts.ts'

/** What became of it. */
export type ReloadReport =
  | { readonly result: 'invalid'; readonly problems: readonly ConfigProblem[] }
  | { readonly result: Exclude<ReloadResult, 'invalid'>; readonly change: ConfigChange }

export interface ReloadParts {
  readonly log: Log
  /** Puts it in force as a whole, or changes nothing and says why. */
  apply(next: Config, change: ConfigChange): StartFailure | undefined
  /** `change` is undefined when there was no valid configuration. */
  count(result: ReloadResult, change: ConfigChange | undefined, actor: string | undefined): void
}

/** `name` is what problems are said to be in; `actor` whoever ordered it by name. */
export type Reload = (name: string, read: ConfigResult, actor?: string) => ReloadReport

export function createReload(config: Config, parts: ReloadParts): Reload {
  let inForce = config
  const refuse = (name: string, problems: readonly ConfigProblem[]): ReloadReport => {
    parts.log.write(
      'error',
      'sidelight.config.reloaded',
      'The new configuration is not valid; the old one stays',
      {
        'sidelight.config.reload.outcome': 'invalid',
        'sidelight.detail': formatProblems(name, problems),
      },
    )
    return { result: 'invalid', problems }
  }
  const follow = (name: string, read: ConfigResult): ReloadReport => {
    if (read.kind === 'invalid') return refuse(name, read.problems)
    const change = compareConfigs(inForce, read.config)
    if (changesNothing(change)) {
      parts.log.write('info', 'sidelight.config.reloaded', 'The configuration says what it said', {
        'sidelight.config.reload.outcome': 'unchanged',
      })
      return { result: 'unchanged', change }
    }
    // What needs a restart stays as it is, for new upstreams too, and is said again next time.
    const next = withFollowed(inForce, read.config)
    // The two may not go together, such as nobody's authentication with the address of before.
    const clash = findAuthProblem(next, () => undefined)
    if (clash !== undefined) return refuse(name, [clash])
    const failure = parts.apply(next, change)
    if (failure !== undefined) return refuse(name, [problemOf(failure)])
    inForce = next
    return { result: report(change, parts.log), change }
  }
  return (name, read, actor) => {
    const done = follow(name, read)
    parts.count(done.result, 'change' in done ? done.change : undefined, actor)
    return done
  }
}

function problemOf({ what, address, code }: StartFailure): ConfigProblem {
  const says = what === 'pins' || what === 'auth'
  const message = says ? `${address}: ${code}` : `${address} cannot be read (${code})`
  return { path: '', line: undefined, message }
}

function report(change: ConfigChange, log: Log): 'applied' | 'restart_needed' {
  const result = change.needRestart.length > 0 ? 'restart_needed' : 'applied'
  const shown = (names: readonly string[]): string | undefined =>
    names.length === 0 ? undefined : names.join(',')
  log.write(
    result === 'applied' ? 'info' : 'warn',
    'sidelight.config.reloaded',
    result === 'applied'
      ? 'The new configuration is in force'
      : 'The new configuration is in force, but for keys that need a restart',
    {
      'sidelight.config.reload.outcome': result,
      'sidelight.config.upstreams_added': shown(change.added),
      'sidelight.config.upstreams_removed': shown(change.removed),
      'sidelight.config.upstreams_changed': shown(change.changed),
      'sidelight.config.keys_changed': shown(change.live),
      'sidelight.config.keys_need_restart': shown(change.needRestart),
    },
  )
  return result
}
