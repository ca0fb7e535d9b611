/**
 * Sidecars with all that dashboards show: the demo as a process, with its agents, and one with a
 * stdio server, an upstream that is down, one that throttles, a policy and tokens.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { checkedExports } from '../support/checked-collector.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startSidecarProcess } from '../support/sidecar-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { startTokenIssuer } from '../support/token-issuer.ts'
import { bounded, waitFor } from '../support/wait-for.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const STDIO_SERVER = fileURLToPath(new URL('../support/stdio-server-v2.ts', import.meta.url))

const DEMO_READY_WITHIN = 40_000
const DEMO_ENDED_WITHIN = 20_000

const RELOAD_EVERY_MS = 2_000

/** How often each client calls. */
const CALL_EVERY_MS = 150

/** Starts `sidelight demo`; resolves to `host:port` of its admin listener. */
export async function startDemo(): Promise<string> {
  const child = spawn(
    process.execPath,
    [MAIN, 'demo', '--plain', '--rate', '60', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
    {
      env: { PATH: process.env['PATH'], ...checkedExports() },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const closed = once(child, 'close')
  closeAfterTest(async () => {
    child.kill('SIGTERM')
    await bounded(closed, { within: DEMO_ENDED_WITHIN, what: 'the demo to end' })
  })
  return waitFor(() => /http:\/\/(127\.0\.0\.1:\d+)\/metrics/.exec(text)?.[1], {
    within: DEMO_READY_WITHIN,
    what: () => `the demo to listen; it wrote: ${text}`,
  })
}

/** Starts the other sidecar and its clients; resolves to `host:port` of its admin listener. */
export async function startBusySidecar(): Promise<string> {
  const issuer = await startTokenIssuer()
  let asked = 0
  const throttling = await startRawUpstream((_, reply) => {
    asked += 1
    // Every fifth time it asks for a second.
    if (asked % 5 > 0) return reply.result({ content: [] })
    reply.send({ status: '429 Too Many Requests', headers: ['Retry-After: 1'], body: '{}' })
  })
  const receiver = await startRawUpstream((_, reply) => reply.send({ body: '{}' }))
  const directory = await temporaryDirectory()
  const file = join(directory, 'sidelight.yaml')
  const config = {
    ...busyConfig(issuer.url, throttling.url, join(directory, 'audit')),
    alerts: { receivers: { hook: { type: 'webhook', url: receiver.url } } },
  }
  await writeFile(file, stringify(config))
  const sidecar = await startSidecarProcess({
    args: ['--config', file],
    env: checkedExports(),
  })
  const good = await issuer.token()
  const expired = await issuer.token({ claims: { exp: 1 } })
  const call = async (
    upstream: string,
    tool: string,
    token: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<void> => {
    const response = await fetch(sidecar.url(upstream), {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'MCP-Protocol-Version': '2026-07-28',
        'Mcp-Method': 'tools/call',
        'Mcp-Name': tool,
        Authorization: `Bearer ${token}`,
        ...headers,
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: {
          name: tool,
          arguments: {},
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      }),
    })
    await response.arrayBuffer()
  }
  // Two at a time, of which one has to wait.
  repeat(() => call('program', 'echo', good))
  repeat(() => call('program', 'echo', good))
  repeat(() => call('down', 'search', good))
  repeat(() => call('throttling', 'search', good))
  repeat(() => call('throttling', 'delete_all', good))
  repeat(() => call('throttling', 'search', expired))
  repeat(() => call('throttling', 'search', good, { Origin: 'https://elsewhere.example' }))
  let reloads = 0
  repeat(async () => {
    reloads += 1
    await sleep(RELOAD_EVERY_MS)
    await writeFile(
      file,
      stringify({ ...config, log: { level: reloads % 2 > 0 ? 'warn' : 'info' } }),
    )
  })
  return new URL(sidecar.adminUrl).host
}

function busyConfig(issuer: string, throttling: string, auditDir: string): object {
  const health = { method: 'auto', interval: '1s' }
  return {
    shutdown: { drainTimeout: '2s', flushTimeout: '2s' },
    log: { level: 'info' },
    auth: { mode: 'required', issuers: [{ issuer, audience: 'sidelight-test' }] },
    audit: { dir: auditDir },
    policy: {
      roles: { analyst: { allow: ['program:*', 'down:*', 'throttling:*'], deny: ['*:delete_*'] } },
    },
    upstreams: {
      program: { command: [process.execPath, STDIO_SERVER], health, concurrency: 1 },
      down: { url: 'http://127.0.0.1:9/mcp', health },
      throttling: { url: throttling, health: { method: 'off' } },
    },
  }
}

/** Does it again and again, one at a time, until the test has ended; the last one is waited for. */
function repeat(work: () => Promise<void>): void {
  const stop = new AbortController()
  const again = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      // A sidecar that is being closed takes no more calls.
      await work().catch(() => {})
      await sleep(CALL_EVERY_MS)
    }
  }
  const done = again()
  closeAfterTest(async () => {
    stop.abort()
    await done
  })
}
