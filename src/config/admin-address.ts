/** The one value of a configuration file that a health check needs, without the schema of all the others. */

import { expandText, type Env } from './expand-env.ts'
import { readYaml } from './read-yaml.ts'

/** `listen.admin` as the file has it; undefined when it says nothing, or nothing that can be read. */
export function readAdminAddress(source: string, env: Env): string | undefined {
  const read = readYaml(source, () => {})
  if (read.kind === 'invalid') return undefined
  const admin = memberOf(memberOf(read.value, 'listen'), 'admin')
  return typeof admin === 'string' ? expandText(admin, env, () => {}) : undefined
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined
}
