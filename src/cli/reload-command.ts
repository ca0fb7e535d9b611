/** `sidelight reload`: orders a running sidecar to read its file again, where nothing else can ask it. */

import { formatProblems } from '../config/load.ts'
import { formatAddress, parseAddress } from '../config/units.ts'
import { reloadSchema, type ReloadView } from '../http/api/config-routes.ts'
import { problemSchema } from '../http/api/problem.ts'
import { EXIT, type CommandContext } from './command.ts'
import type { FlagValues } from './flags.ts'
import { findAddress, reachable, readText } from './healthcheck.ts'

/** Files of secrets, pins and issuers may have to be read. */
const TIMEOUT_MS = 30_000

/** 0 when the file is in force, for all that can be followed; 1 otherwise, with why on standard error. */
export async function reloadCommand(flags: FlagValues, context: CommandContext): Promise<number> {
  const text = await findAddress(flags, context.env)
  const address = parseAddress(text)
  if (address === undefined) {
    context.err(`sidelight reload: nobody can be asked at ${JSON.stringify(text)}\n`)
    return EXIT.usage
  }
  const at = formatAddress({ ...address, host: reachable(address.host) })
  const answer = await order(`http://${at}/api/v1/config/reload`, flags['token-file'])
  if (typeof answer === 'string') {
    context.err(`sidelight reload: ${text}: ${answer}\n`)
    return EXIT.failed
  }
  context.out(`${describe(answer)}\n`)
  return EXIT.ok
}

/** What became of it, or what was wrong. */
async function order(url: string, tokenFile: FlagValues[string]): Promise<ReloadView | string> {
  const token = typeof tokenFile === 'string' ? await readText(tokenFile) : undefined
  try {
    const reply = await fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...(token === undefined ? {} : { Authorization: `Bearer ${token.trim()}` }),
      },
      body: JSON.stringify({ actor: 'sidelight reload' }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const body: unknown = await reply.json()
    const done = reloadSchema.safeParse(body)
    return reply.ok && done.success ? done.data : whyNot(reply.status, body)
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    return `it cannot be reached (${code})`
  }
}

function whyNot(status: number, body: unknown): string {
  const problem = problemSchema.safeParse(body)
  if (!problem.success) return `it answers with status ${status}`
  const { detail, problems } = problem.data
  if (problems === undefined) return detail
  const lines = problems.map((one) => ({ ...one, line: one.line }))
  return `the file is not valid, and what ran goes on running\n${formatProblems('file', lines)}`
}

function describe(done: ReloadView): string {
  const parts: readonly (readonly [string, readonly string[]])[] = [
    ['upstreams added', done.upstreamsAdded],
    ['upstreams removed', done.upstreamsRemoved],
    ['upstreams changed', done.upstreamsChanged],
    ['changed', done.keysChanged],
    ['waiting for a restart', done.keysNeedRestart],
  ]
  const said = parts.flatMap(([what, names]) =>
    names.length === 0 ? [] : [`${what}: ${names.join(', ')}`],
  )
  return [done.result, ...said].join('\n  ')
}
