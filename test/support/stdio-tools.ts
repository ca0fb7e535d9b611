/** What the tools of both stdio servers do to their own process. */

import { setTimeout as sleep } from 'node:timers/promises'

/** The exit code of a server whose tool `crash` was called. */
export const CRASH_CODE = 7

/** The line on standard output that is no message. */
export const NOISE = 'this line is no JSON'

/** What a call of `wait` waits when nobody cancels it. */
const WAIT_MS = 30_000

const PAUSE_MS = 20

/** A result of one text; a fresh object each time, because the SDKs want mutable ones. */
export function text(value: string): { content: { type: 'text'; text: string }[] } {
  return { content: [{ type: 'text', text: value }] }
}

/** Resolves when the call is cancelled, which `onAbort` hears at that moment, or after 30 s. */
export async function untilAborted(signal: AbortSignal, onAbort: () => void): Promise<void> {
  signal.addEventListener('abort', onAbort)
  await sleep(WAIT_MS, undefined, { signal }).catch(() => {})
}

/**
 * Keeps a progress notification apart from what follows: clients on the official SDKs lose progress
 * that they read in one piece with the answer.
 */
export async function pause(): Promise<void> {
  await sleep(PAUSE_MS)
}

/** Resolves when the line has left the process, so that it comes before the answer. */
export async function makeNoise(): Promise<void> {
  await write(process.stdout, `${NOISE}\n`)
}

/** Writes lines of 100 bytes and a shorter last one, `bytes` altogether, and waits until they are read. */
export async function writeErrors(bytes: number): Promise<void> {
  const line = `${'e'.repeat(99)}\n`
  const rest = bytes % line.length
  await write(
    process.stderr,
    line.repeat(Math.floor(bytes / line.length)) + line.slice(line.length - rest),
  )
}

export function environmentNames(): readonly string[] {
  return Object.keys(process.env).toSorted()
}

function write(stream: NodeJS.WriteStream, data: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) =>
      error === null || error === undefined ? resolve() : reject(error),
    )
  })
}
