/** What manifests have to know of the program, read from the program itself. */

import { readFileSync } from 'node:fs'
import { addressOf, durationOf } from '../../src/cli/units.ts'
import { parseConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'
import { ADMIN_PATHS } from '../../src/http/paths.ts'

export interface ProgramFacts {
  readonly version: string
  /** Port of the data plane, on the loopback address of the pod. */
  readonly dataPort: number
  readonly adminPort: number
  readonly paths: typeof ADMIN_PATHS
  /** What a shutdown may take (docs/configuration.md). Whole seconds, rounded up. */
  readonly shutdownSeconds: number
}

/** By default, without any configuration of one's own. */
export const PROGRAM: ProgramFacts = factsOf(defaults())

function factsOf({ listen, shutdown }: Config): ProgramFacts {
  if (listen.admin === 'off') throw new Error('the admin plane is off by default')
  const { delay, drainTimeout, linger, flushTimeout } = shutdown
  // Audit records, and then telemetry, may take `flushTimeout` each.
  const ms = [delay, drainTimeout, linger, flushTimeout, flushTimeout]
    .map(durationOf)
    .reduce((sum, part) => sum + part, 0)
  return {
    version: packageVersion(),
    dataPort: addressOf(listen.data).port,
    adminPort: addressOf(listen.admin).port,
    paths: ADMIN_PATHS,
    shutdownSeconds: Math.ceil(ms / 1000),
  }
}

function defaults(): Config {
  const result = parseConfig('upstreams: { any: { url: http://127.0.0.1:3001/mcp } }', {})
  if (result.kind === 'invalid') throw new Error('the smallest configuration is not valid')
  return result.config
}

function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  const { version }: { readonly version: string } = JSON.parse(readFileSync(file, 'utf8'))
  return version
}
