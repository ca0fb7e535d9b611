/** A real Alertmanager with a configuration of its own, on a port of its own. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { findTool } from './monitoring-tools.ts'
import { freePort } from './raw-upstream.ts'
import { closeAfterTest } from './scope.ts'
import { waitFor } from './wait-for.ts'

/** Starting a large program on a busy machine. */
const START_WITHIN = 30_000

export interface KnownAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly status: { readonly state: string; readonly inhibitedBy: readonly string[] }
}

export interface Alertmanager {
  readonly url: string
  /** Tells it that these fire, as Prometheus would. */
  fire(alerts: readonly Readonly<Record<string, string>>[]): Promise<void>
  alerts(): Promise<readonly KnownAlert[]>
}

export async function startAlertmanager(config: object): Promise<Alertmanager> {
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-alertmanager-'))
  await writeFile(join(directory, 'alertmanager.yml'), stringify(config))
  await mkdir(join(directory, 'templates'))
  await cp('grafana/alertmanager/templates', join(directory, 'templates'), { recursive: true })
  const url = await startServer(
    'prometheus-alertmanager',
    directory,
    (address) => [
      '--config.file=alertmanager.yml',
      '--storage.path=data',
      '--cluster.listen-address=',
      `--web.listen-address=${address}`,
    ],
    '/-/ready',
  )
  return {
    url,
    fire: async (alerts) => {
      const body = JSON.stringify(alerts.map((labels) => ({ labels, annotations: {} })))
      const headers = { 'content-type': 'application/json' }
      const reply = await fetch(`${url}/api/v2/alerts`, { method: 'POST', headers, body })
      if (!reply.ok) throw new Error(`Alertmanager: ${reply.status} ${await reply.text()}`)
    },
    alerts: async () => {
      const found: readonly KnownAlert[] = JSON.parse(
        await (await fetch(`${url}/api/v2/alerts`)).text(),
      )
      return found
    },
  }
}

/** Starts a program of this directory and waits until it is ready; both are gone after the test. */
export async function startServer(
  tool: 'prometheus' | 'prometheus-alertmanager',
  directory: string,
  args: (address: string) => readonly string[],
  ready: string,
): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(findTool(tool) ?? tool, args(address), {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, GOMAXPROCS: '1' },
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-10_000)))
  const closed = once(child, 'close')
  closeAfterTest(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await closed
    await rm(directory, { recursive: true })
  })
  await waitFor(
    async () => {
      if (child.exitCode !== null) throw new Error(`${tool} ended at its start: ${said}`)
      return fetch(`http://${address}${ready}`).then(
        ({ ok }) => ok,
        () => false,
      )
    },
    { within: START_WITHIN, what: () => `${tool} to be ready: ${said}` },
  )
  return `http://${address}`
}
