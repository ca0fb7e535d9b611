/** What the checks of `sidelight doctor` do to the world: little, briefly, and leaving nothing behind. */

import { randomBytes } from 'node:crypto'
import { open, rm, stat, statfs } from 'node:fs/promises'
import { request as httpRequest, type ClientRequest } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { createServer } from 'node:net'
import path from 'node:path'

export interface Question {
  readonly url: URL
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  /** Of a POST; empty when undefined. */
  readonly body?: Uint8Array
  /** In place of the usual certificates, and what we show of ourselves. */
  readonly tls?: Pick<RequestOptions, 'ca' | 'cert' | 'key'>
}

export type Answer =
  | {
      readonly kind: 'answer'
      readonly status: number
      /** Header `Date`, in milliseconds since the epoch. */
      readonly dateMs: number | undefined
      /** The first bytes of the body. */
      readonly text: string
      readonly tookMs: number
    }
  /** `code` is the system's, such as ECONNREFUSED, or `timeout`. */
  | { readonly kind: 'failed'; readonly code: string }

export interface FileFacts {
  readonly directory: boolean
  /** Permission bits. */
  readonly mode: number
}

export interface Effects {
  wallMs(): number
  /** Undefined when it can be listened on; otherwise the system's code. */
  listen(host: string, port: number): Promise<string | undefined>
  /** Never rejects, and ends in bounded time. */
  ask(question: Question): Promise<Answer>
  /** A system's code when there is none, or it cannot be looked at. */
  look(file: string): Promise<FileFacts | string>
  freeBytes(directory: string): Promise<number | undefined>
  /** Writes a small file in a directory, waits for the disk, and removes it: how long, or the code. */
  writeThrough(directory: string): Promise<number | string>
}

const TIMEOUT_MS = 5_000

const TEXT_BYTES_MAX = 4_096

export function realEffects(now: {
  readonly wallMs: () => number
  readonly monotonicMs: () => number
}): Effects {
  return {
    wallMs: now.wallMs,
    listen,
    ask: (question) => ask(question, now.monotonicMs),
    look: async (file) => {
      try {
        const found = await stat(file)
        return { directory: found.isDirectory(), mode: found.mode & 0o777 }
      } catch (error) {
        return codeOf(error)
      }
    },
    freeBytes: async (directory) => {
      try {
        const { bavail, bsize } = await statfs(directory)
        return bavail * bsize
      } catch {
        return undefined
      }
    },
    writeThrough: (directory) => writeThrough(directory, now.monotonicMs),
  }
}

function listen(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(codeOf(error)))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

function ask(question: Question, nowMs: () => number): Promise<Answer> {
  const { url, method, headers, body, tls } = question
  const startedMs = nowMs()
  return new Promise((resolve) => {
    const request: ClientRequest = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      ...tls,
      method,
      headers: {
        ...headers,
        ...(method === 'POST' ? { 'Content-Length': body?.length ?? 0 } : {}),
      },
      agent: false,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    request.on('error', (error) => resolve({ kind: 'failed', code: codeOf(error) }))
    request.on('response', (response) => {
      const tookMs = nowMs() - startedMs
      const dateMs = Date.parse(response.headers.date ?? '')
      let text = ''
      const done = (): void => {
        const { statusCode: status = 0 } = response
        resolve({
          kind: 'answer',
          status,
          dateMs: Number.isNaN(dateMs) ? undefined : dateMs,
          text,
          tookMs,
        })
        request.destroy()
      }
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        // What an endless stream says after its head is of no interest.
        if (text.length >= TEXT_BYTES_MAX) done()
      })
      response.on('end', done)
      response.on('error', done)
    })
    request.end(body)
  })
}

async function writeThrough(directory: string, nowMs: () => number): Promise<number | string> {
  const file = path.join(directory, `.sidelight-doctor-${randomBytes(6).toString('hex')}`)
  try {
    const handle = await open(file, 'wx', 0o600)
    try {
      const startedMs = nowMs()
      await handle.write('sidelight doctor\n')
      await handle.datasync()
      return nowMs() - startedMs
    } finally {
      await handle.close()
      await rm(file, { force: true })
    }
  } catch (error) {
    return codeOf(error)
  }
}

export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'timeout'
  return 'code' in error ? String(error.code) : error.message
}
