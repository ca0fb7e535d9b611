/** Our conformance fixtures as a server in a process of its own. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseJson } from '../support/json.ts'
import { bounded } from '../support/wait-for.ts'

export interface HttpTarget {
  readonly url: string
  close(): Promise<void>
}

/** Loading the SDK on a busy machine. */
const START_WITHIN = 20_000

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** The command line of the fixtures over stdio. */
export const STDIO_TARGET: readonly string[] = [process.execPath, fileOf('stdio-server.ts')]

/** Starts the fixtures over HTTP; the caller closes it. */
export async function startHttpTarget(): Promise<HttpTarget> {
  const child = spawn(process.execPath, [fileOf('http-server.ts')], {
    env: { PATH: process.env['PATH'], PORT: '0' },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const closed = once(child, 'close')
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await closed
  }
  try {
    const [line] = await bounded<string[]>(once(createInterface(child.stdout), 'line'), {
      within: START_WITHIN,
      what: 'the conformance fixtures to listen',
    })
    const { port } = parseJson<{ port: number }>(line ?? '')
    return { url: `http://localhost:${port}/mcp`, close }
  } catch (error) {
    await close()
    throw error
  }
}
