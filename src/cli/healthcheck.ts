/**
 * `sidelight healthcheck`: asks a sidecar on this machine how it is, for images that hold nothing else to ask with.
 *
 * It runs every few seconds, so it loads nothing of what it asks about.
 */

import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { readAdminAddress } from '../config/admin-address.ts'
import { parseAddress, type ListenAddress } from '../config/units.ts'
import { ADMIN_PATHS } from '../http/paths.ts'
import { EXIT, type CommandContext } from './command.ts'
import type { FlagValues } from './flags.ts'

const DEFAULT_ADDRESS = '127.0.0.1:9464'

/** Docker and Kubernetes give up sooner or later than this, as they are told. */
const TIMEOUT_MS = 3_000

/** 0 when it is well, 1 otherwise, with what is wrong on standard error. */
export async function healthcheckCommand(
  flags: FlagValues,
  context: CommandContext,
): Promise<number> {
  const text = await findAddress(flags, context.env)
  const address = parseAddress(text)
  if (address === undefined) {
    const why =
      text === 'off'
        ? 'listen.admin is off, so nobody can be asked'
        : `${JSON.stringify(text)} is no address; expected one such as ${DEFAULT_ADDRESS}`
    context.err(`sidelight healthcheck: ${why}\n`)
    return text === 'off' ? EXIT.failed : EXIT.usage
  }
  const path = flags['ready'] === true ? ADMIN_PATHS.ready : ADMIN_PATHS.health
  const problem = await ask(address, path, flags['token-file'])
  if (problem === undefined) return EXIT.ok
  context.err(`sidelight healthcheck: ${path} of ${text}: ${problem}\n`)
  return EXIT.failed
}

/** A sidecar whose file cannot be read has been started by flags, or says itself what is wrong. */
export async function findAddress(
  { admin, config }: FlagValues,
  env: CommandContext['env'],
): Promise<string> {
  if (typeof admin === 'string') return admin
  if (typeof config !== 'string') return DEFAULT_ADDRESS
  const source = await readText(config)
  return (source === undefined ? undefined : readAdminAddress(source, env)) ?? DEFAULT_ADDRESS
}

/** Undefined when it cannot be read. */
export async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    return undefined
  }
}

/** Undefined when the answer is 200; otherwise what was wrong. */
async function ask(
  { host, port }: ListenAddress,
  path: string,
  tokenFile: FlagValues[string],
): Promise<string | undefined> {
  const token = typeof tokenFile === 'string' ? await readText(tokenFile) : undefined
  return new Promise((resolve) => {
    const request = get({
      host: reachable(host),
      port,
      path,
      agent: false,
      headers: token === undefined ? {} : { authorization: `Bearer ${token.trim()}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    request.on('error', (error) => resolve(describe(error)))
    request.on('response', ({ statusCode = 0 }) => {
      resolve(statusCode === 200 ? undefined : wordsFor(statusCode))
      request.destroy()
    })
  })
}

/** What listens on every address is asked on loopback. */
export function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

function wordsFor(status: number): string {
  if (status === 401) return 'it wants a token: --token-file FILE, or auth.admin.open: [health]'
  return `it answers with status ${status}`
}

function describe(error: Error): string {
  if (error.name === 'AbortError') return `no answer within ${TIMEOUT_MS} ms`
  return `it cannot be reached (${'code' in error ? String(error.code) : error.message})`
}
