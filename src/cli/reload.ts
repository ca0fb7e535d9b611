/** What becomes of a configuration that was read while the sidecar runs. */

import { changesNothing, compareConfigs, type ConfigChange } from '../config/compare.ts'
import { formatProblems, type ConfigResult } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { Log } from '../core/log.ts'
import type { ReloadResult } from '../telemetry/instruments.ts'
import type { StartFailure } from './parts.ts'

export interface ReloadParts {
  readonly log: Log
  /** Puts it in force as a whole, or changes nothing and says why. */
  apply(next: Config, change: ConfigChange): StartFailure | undefined
  /** `change` is undefined when there was no valid configuration. */
  count(result: ReloadResult, change: ConfigChange | undefined): void
}

export function createReload(
  config: Config,
  parts: ReloadParts,
): (name: string, read: ConfigResult) => ReloadResult {
  let inForce = config
  const refuse = (why: string): ReloadResult => {
    parts.log.write(
      'error',
      'sidelight.config.reloaded',
      'The new configuration is not valid; the old one stays',
      {
        'sidelight.config.reload.outcome': 'invalid',
        'sidelight.detail': why,
      },
    )
    return 'invalid'
  }
  const follow = (
    name: string,
    read: ConfigResult,
    onChange: (change: ConfigChange) => void,
  ): ReloadResult => {
    if (read.kind === 'invalid') return refuse(formatProblems(name, read.problems))
    const change = compareConfigs(inForce, read.config)
    if (changesNothing(change)) {
      parts.log.write('info', 'sidelight.config.reloaded', 'The configuration says what it said', {
        'sidelight.config.reload.outcome': 'unchanged',
      })
      return 'unchanged'
    }
    // What needs a restart stays as it is, for new upstreams too, and is said again next time.
    const { upstreams, rejections, policy, alerts, ui } = read.config
    const next = { ...inForce, upstreams, rejections, policy, alerts, ui }
    const failure = parts.apply(next, change)
    if (failure !== undefined) {
      const { what, address, code } = failure
      return refuse(what === 'pins' ? `${address}: ${code}` : `${address} cannot be read (${code})`)
    }
    inForce = next
    onChange(change)
    return report(change, parts.log)
  }
  return (name, read) => {
    let change: ConfigChange | undefined
    const result = follow(name, read, (found) => {
      change = found
    })
    parts.count(result, change)
    return result
  }
}

function report(change: ConfigChange, log: Log): ReloadResult {
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
