/** The configuration that a command line names: in a file, or made of flags. */

import { parseConfig, validateConfig, type ConfigResult } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { CommandContext } from './command.ts'
import type { FlagValues } from './flags.ts'
import { policyProblems } from './policy.ts'
import { readConfigFile } from './read-config-file.ts'

export interface ConfigFile {
  readonly path: string
  /** Its content as it was read. */
  readonly text: string
}

export interface Source {
  /** What problems are said to be in: the file, or the flags. */
  readonly name: string
  readonly result: ConfigResult
  readonly file: ConfigFile | undefined
}

/** Or what is wrong with the flags, or that the file cannot be read. */
export async function readSource(
  command: 'run' | 'doctor',
  flags: FlagValues,
  context: CommandContext,
): Promise<Source | string> {
  const { config: file, upstream } = flags
  if ((file === undefined) === (upstream === undefined)) {
    return `sidelight ${command}: give either --upstream URL or --config FILE`
  }
  if (typeof file === 'string') {
    const text = await readConfigFile(file)
    if ('kind' in text) return `sidelight: ${text.message}`
    const parsed = parseConfig(text.source, context.env, policyProblems)
    return {
      name: file,
      result: parsed.kind === 'config' ? override(parsed.config, flags) : parsed,
      file: { path: file, text: text.source },
    }
  }
  const upstreams = toUpstreams(command, Array.isArray(upstream) ? upstream : [])
  if (typeof upstreams === 'string') return upstreams
  return { name: 'flags', result: override({ upstreams }, flags), file: undefined }
}

/** `URL` alone is the upstream `default`; several need names. */
function toUpstreams(
  command: string,
  values: readonly string[],
): Record<string, { url: string }> | string {
  const upstreams: Record<string, { url: string }> = {}
  for (const value of values) {
    const match = /^([a-z0-9][a-z0-9_-]*)=(.+)$/.exec(value)
    const name = match?.[1] ?? 'default'
    if (Object.hasOwn(upstreams, name)) {
      return `sidelight ${command}: two upstreams are named "${name}"; give each its own: --upstream NAME=URL`
    }
    upstreams[name] = { url: match?.[2] ?? value }
  }
  return upstreams
}

/** Flags win over the file. */
function override(config: object, flags: FlagValues): ConfigResult {
  const { listen, log, auth } = config as Partial<Config>
  return validateConfig({
    ...config,
    listen: { ...listen, ...given('data', flags['listen']), ...given('admin', flags['admin']) },
    auth: {
      ...auth,
      ...given('allowUnauthenticated', flags['allow-unauthenticated']),
    },
    log: { ...log, ...given('level', flags['log-level']), ...given('format', flags['log-format']) },
  })
}

function given(key: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [key]: value }
}
