/** Whether the files that hold secrets can be read, and who else can read or change them. */

import path from 'node:path'
import type { Config } from '../../config/schema.ts'
import type { Effects } from './effects.ts'
import { fail, ok, warn, type Finding } from './finding.ts'

const OTHERS_READ = 0o004
const OTHERS_WRITE = 0o002
const GROUP_WRITE = 0o020
const OTHERS = 0o007

export function checkSecretFiles(config: Config, effects: Effects): Promise<readonly Finding[]> {
  const files = [...secretFiles(config)]
  return Promise.all([
    ...files.map(([key, file]) => checkOne(`${key} ${file}`, file, effects)),
    ...keyDirectories(config).map((directory) => checkDirectory(directory, effects)),
  ])
}

/** The keys of the audit log, which are made at the first start. */
function keyDirectories({ audit }: Config): readonly string[] {
  return audit === undefined ? [] : [audit.keys ?? path.join(audit.dir, 'keys')]
}

async function checkDirectory(directory: string, effects: Effects): Promise<Finding> {
  const subject = `audit.keys ${directory}`
  const found = await effects.look(directory)
  if (found === 'ENOENT') return ok('secret', subject, 'to be made at the first start')
  if (typeof found === 'string') {
    const advice = 'let the user of the sidecar read it, or choose another audit.keys'
    return fail('secret', subject, `cannot be looked at (${found})`, advice)
  }
  const mode = found.mode.toString(8).padStart(3, '0')
  return (found.mode & OTHERS) === 0
    ? ok('secret', subject, `mode ${mode}`)
    : fail('secret', subject, `others may look into it (mode ${mode})`, `chmod 700 ${directory}`)
}

async function checkOne(subject: string, file: string, effects: Effects): Promise<Finding> {
  const found = await effects.look(file)
  if (typeof found === 'string') {
    const advice = 'mount it, or correct the path; the sidecar does not start without it'
    return fail('secret', subject, `cannot be looked at (${found})`, advice)
  }
  if (found.directory) return fail('secret', subject, 'is a directory', 'name the file in it')
  const mode = found.mode.toString(8).padStart(3, '0')
  const advice = `chmod 600 ${file} (or mode 0400 of a mounted secret)`
  if ((found.mode & (OTHERS_WRITE | GROUP_WRITE)) !== 0) {
    return fail('secret', subject, `others may change it (mode ${mode})`, advice)
  }
  return (found.mode & OTHERS_READ) !== 0
    ? warn('secret', subject, `everybody on this machine may read it (mode ${mode})`, advice)
    : ok('secret', subject, `mode ${mode}`)
}

/** Each by the key that names it. */
function* secretFiles(config: Config): Generator<readonly [string, string]> {
  const { auth } = config
  for (const [index, { file }] of auth.admin.tokens.entries()) {
    yield [`auth.admin.tokens.${index}.file`, file]
  }
  if (typeof auth.dev.secret === 'object') yield ['auth.dev.secret', auth.dev.secret.file]
  for (const [index, { bearerFile, introspection }] of auth.issuers.entries()) {
    if (bearerFile !== undefined) yield [`auth.issuers.${index}.bearerFile`, bearerFile]
    const secret = introspection?.clientSecret
    if (typeof secret === 'object') {
      yield [`auth.issuers.${index}.introspection.clientSecret`, secret.file]
    }
  }
  for (const [name, { headers }] of Object.entries(config.upstreams)) {
    yield* filesOf(`upstreams.${name}`, headers)
  }
  for (const [name, { headers }] of Object.entries(config.alerts.receivers)) {
    yield* filesOf(`alerts.receivers.${name}`, headers)
  }
}

function* filesOf(
  place: string,
  headers: Config['upstreams'][string]['headers'],
): Generator<readonly [string, string]> {
  for (const [header, value] of Object.entries(headers)) {
    if (typeof value === 'object') yield [`${place}.headers.${header}`, value.file]
  }
}
