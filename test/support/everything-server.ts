/** `@modelcontextprotocol/server-everything` as it is published, in a process of its own. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { closeAfterTest } from './scope.ts'
import { waitFor } from './wait-for.ts'

const MAIN = fileURLToPath(
  import.meta.resolve('@modelcontextprotocol/server-everything/dist/transports/streamableHttp.js'),
)
const LOOPBACK = fileURLToPath(new URL('everything-loopback.ts', import.meta.url))

export async function startEverythingServer(): Promise<{
  readonly url: string
  close(): Promise<void>
}> {
  const child = spawn(process.execPath, ['--import', LOOPBACK, MAIN], {
    env: { PATH: process.env['PATH'], PORT: '3001' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let port = 0
  let errors = ''
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  child.on('message', (message: { readonly port: number }) => {
    port = message.port
  })
  const closed = once(child, 'close')
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await closed
  }
  closeAfterTest(close)
  await waitFor(
    () => {
      if (child.exitCode !== null) throw new Error(`server-everything ended: ${errors}`)
      return port > 0
    },
    { within: 20_000, what: 'server-everything to listen' },
  )
  return { url: `http://127.0.0.1:${port}/mcp`, close }
}
