/** Sessions that are begun through a target before its load, and the streams that they hold open. */

import { connect, type Socket } from 'node:net'
import { Pool } from 'undici'
import { headLines, type RequestFacts } from './request.ts'

/** Sessions that are begun at a time. */
const AT_A_TIME = 16

/** A target that takes longer to answer, or to begin a stream, will not. */
const PATIENCE_MS = 20_000

const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}'
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'

export async function beginSessions(
  facts: RequestFacts,
  count: number,
): Promise<readonly string[]> {
  const pool = new Pool(`http://127.0.0.1:${facts.port}`, {
    connections: AT_A_TIME,
    headersTimeout: PATIENCE_MS,
    bodyTimeout: PATIENCE_MS,
  })
  const ids: string[] = []
  let left = count
  const beginSome = async (): Promise<void> => {
    for (; left > 0;) {
      left -= 1
      ids.push(await beginSession(pool, facts))
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, beginSome))
  await pool.close()
  return ids
}

async function beginSession(pool: Pool, { path, headers }: RequestFacts): Promise<string> {
  const ask = async (body: string, sessionId?: string): Promise<string> => {
    const reply = await pool.request({
      method: 'POST',
      path,
      headers: {
        ...Object.fromEntries(headers),
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(sessionId === undefined
          ? {}
          : { 'mcp-session-id': sessionId, 'mcp-protocol-version': '2025-06-18' }),
      },
      body,
    })
    const text = await reply.body.text()
    if (reply.statusCode >= 300) throw new Error(`no session: ${reply.statusCode} ${text}`)
    return String(reply.headers['mcp-session-id'] ?? '')
  }
  const sessionId = await ask(INITIALIZE)
  if (sessionId === '') throw new Error('the reply to initialize names no session')
  await ask(INITIALIZED, sessionId)
  return sessionId
}

/** Holds a stream open for each session until `close`. Resolves when all of them have begun. */
export async function holdStreams(
  facts: RequestFacts,
  sessionIds: readonly string[],
): Promise<{ close(): void }> {
  const sockets: Socket[] = []
  await Promise.all(
    sessionIds.map(
      (sessionId) =>
        new Promise<void>((resolve, reject) => {
          const lines = [...headLines('GET', facts), `Mcp-Session-Id: ${sessionId}`]
          const request = `${lines.join('\r\n')}\r\n\r\n`
          const socket = connect({ port: facts.port, host: '127.0.0.1' }, () => {
            socket.write(request, 'latin1')
          })
          sockets.push(socket)
          socket.setTimeout(PATIENCE_MS, () => reject(new Error('a stream did not begin')))
          socket.once('data', (bytes: Buffer) => {
            const head = bytes.toString('latin1', 0, 64)
            socket.setTimeout(0)
            if (head.startsWith('HTTP/1.1 200')) resolve()
            else reject(new Error(`no stream: ${head}`))
          })
          socket.on('error', reject)
          socket.on('close', () => reject(new Error('a stream was closed')))
        }),
    ),
  )
  return { close: () => sockets.forEach((socket) => socket.destroy()) }
}
