/** A server of many sessions in a process of its own, so that its work is not the test's. */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { closeAfterTest } from '../../support/scope.ts'
import { bounded } from '../../support/wait-for.ts'

const PROCESS = fileURLToPath(new URL('session-server-process.ts', import.meta.url))
const WITHIN = 20_000

/** An order to speak to every session that has a stream. */
export interface Broadcast {
  readonly broadcast: string
}

export interface SessionServer {
  readonly url: string
  /** Sends a notification with this token on the stream of every session. */
  broadcast(token: string): void
  /** How much of the large result has left the server, in pieces of 64 KiB; there are 800. */
  piecesTaken(): Promise<number>
}

export async function startSessionServer(): Promise<SessionServer> {
  const child = fork(PROCESS, { env: { PATH: process.env['PATH'] } })
  const closed = once(child, 'close')
  closeAfterTest(async () => {
    child.kill('SIGKILL')
    await closed
  })
  const ask = async (): Promise<Record<string, number>> => {
    const answer: Promise<Record<string, number>[]> = once(child, 'message')
    const [numbers] = await bounded(answer, { within: WITHIN, what: 'the server of sessions' })
    return numbers ?? {}
  }
  const { port } = await ask()
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    broadcast: (token) => void child.send({ broadcast: token } satisfies Broadcast),
    piecesTaken: async () => {
      const answer = ask()
      child.send('count')
      return (await answer)['piecesTaken'] ?? 0
    },
  }
}
