/** Runs the program once, so that Node keeps what was compiled. */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

export interface User {
  readonly uid: number
  readonly gid: number
}

/** An emulator of another processor is slow. */
const WITHIN_MS = 120_000

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"warm_up"}}'

/** What is compiled is written at the end of a process that ends by itself. */
export async function warmUp(program: string, user: User): Promise<void> {
  const start = (args: readonly string[]): ChildProcess =>
    spawn(program, args, {
      ...user,
      cwd: '/',
      // Telemetry on, as it will be: nobody listens there, and nothing is waited for.
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: WITHIN_MS,
    })
  // The discard port: what the sidecar does without an upstream is what it does at its start.
  const args = ['--upstream', 'http://127.0.0.1:9/mcp', '--listen', '127.0.0.1:0']
  const sidecar = start(['run', ...args, '--admin', '127.0.0.1:0'])
  const urls = await addressesOf(sidecar)
  const headers = { 'content-type': 'application/json', accept: 'application/json' }
  const asked = [
    fetch(`${urls.data}/mcp`, { method: 'POST', headers, body: CALL }),
    ...['healthz', 'readyz', 'metrics'].map((name) => fetch(`${urls.admin}/${name}`)),
  ]
  for (const answer of await Promise.all(asked)) await answer.arrayBuffer()
  await ended(start(['healthcheck', '--admin', new URL(urls.admin).host]))
  await ended(start(['wrap', '--', program, '--version']))
  sidecar.kill('SIGTERM')
  await ended(sidecar)
}

interface Addresses {
  readonly data: string
  readonly admin: string
}

/** From the log record of the start. */
async function addressesOf({ stderr }: ChildProcess): Promise<Addresses> {
  let log = ''
  for await (const chunk of stderr?.iterator({ destroyOnReturn: false }) ?? []) {
    log += String(chunk)
    const data = /"sidelight\.listen\.data":"([^"]+)"/.exec(log)?.[1]
    const admin = /"sidelight\.listen\.admin":"([^"]+)"/.exec(log)?.[1]
    if (data !== undefined && admin !== undefined) return { data, admin }
  }
  throw new Error(`the program did not start: ${log}`)
}

async function ended(child: ChildProcess): Promise<void> {
  child.stderr?.resume()
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  if (child.exitCode !== 0) throw new Error(`the program ended with ${child.exitCode}`)
}
