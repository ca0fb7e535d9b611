/** Asks a running sidecar's API for what `top` shows. */

import { readFile } from 'node:fs/promises'
import { snapshotSchema, toolListSchema, type Snapshot } from '../../http/api/snapshot-schema.ts'
import type { Window } from '../../http/api/stats-schema.ts'
import type { ToolView } from '../../http/api/upstream-schema.ts'

export interface Picture {
  readonly kind: 'picture'
  readonly snapshot: Snapshot
  readonly tools: readonly ToolView[]
}

/** Why there is no picture, in a few words for people. */
export interface NoPicture {
  readonly kind: 'failed'
  readonly message: string
}

export interface ApiClientOptions {
  /** Origin of the admin listener, perhaps with a path before `/api`. */
  readonly url: string
  /** A file with a token; read each time, because such files change. */
  readonly tokenFile: string | undefined
}

const TIMEOUT_MS = 5_000

/** A thousand tools take about 1 MB. */
const BYTES_MAX = 32 * 1024 * 1024

/** Never rejects, and ends in bounded time. */
export async function takePicture(
  options: ApiClientOptions,
  window: Window,
): Promise<Picture | NoPicture> {
  const headers = await headersOf(options)
  if (isFailure(headers)) return headers
  const [first, second] = await Promise.all(
    ['snapshot', 'tools'].map((what) => ask(options.url, `${what}?window=${window}`, headers)),
  )
  for (const answer of [first, second]) if (isFailure(answer)) return answer
  const snapshot = snapshotSchema.safeParse(first)
  const list = toolListSchema.safeParse(second)
  if (snapshot.success && list.success) {
    return { kind: 'picture', snapshot: snapshot.data, tools: list.data.tools }
  }
  return failed('it answers, but not as the API of this version does')
}

async function headersOf({
  tokenFile,
}: ApiClientOptions): Promise<Record<string, string> | NoPicture> {
  if (tokenFile === undefined) return {}
  try {
    return { Authorization: `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}` }
  } catch (error) {
    return failed(`${tokenFile} cannot be read (${codeOf(error)})`)
  }
}

async function ask(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<unknown> {
  try {
    const reply = await fetch(`${url.replace(/\/$/, '')}/api/v1/${path}`, {
      headers,
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    if (reply.status !== 200) {
      await reply.body?.cancel()
      return failed(wordsFor(reply.status))
    }
    return JSON.parse(await readAll(reply)) as unknown
  } catch (error) {
    return failed(`it cannot be reached (${codeOf(error)})`)
  }
}

async function readAll({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.length
    if (bytes > BYTES_MAX) throw new Error('too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function wordsFor(status: number): string {
  if (status === 401) return 'it wants a token: --token-file FILE'
  if (status === 403) return 'the token has no permission to read, or the Host is not allowed'
  if (status === 404) return 'there is no API at this address; use that of listen.admin'
  return `it answers with status ${status}`
}

function failed(message: string): NoPicture {
  return { kind: 'failed', message }
}

function isFailure(value: unknown): value is NoPicture {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'failed'
}

/** `fetch` hides the system's code in the cause, and hides several in an aggregate there. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  if (error.name === 'TimeoutError') return 'timeout'
  if ('code' in error && typeof error.code === 'string') return error.code
  return error.cause === undefined ? error.message : codeOf(error.cause)
}
