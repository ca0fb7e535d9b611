/** A real Prometheus for one test: on a port of its own, with a directory that goes away. */

import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { z } from 'zod'
import { findTool } from '../support/monitoring-tools.ts'
import { closeAfterTest } from '../support/scope.ts'
import { bounded, waitFor } from '../support/wait-for.ts'

const READY_WITHIN = 30_000
const ENDED_WITHIN = 20_000

export interface PrometheusOptions {
  /** `host:port` of targets, by the name of their job; each is scraped every second. */
  readonly jobs: Readonly<Record<string, readonly string[]>>
  /** Groups of rules, as in a file of rules. */
  readonly groups?: readonly unknown[]
  /** `host:port` of Alertmanagers. */
  readonly alertmanagers?: readonly string[]
}

const answer = z.object({
  status: z.string(),
  error: z.optional(z.string()),
  warnings: z.optional(z.array(z.string())),
  infos: z.optional(z.array(z.string())),
  data: z.optional(z.unknown()),
})

export interface Answer {
  /** Why there is no result. */
  readonly error: string | undefined
  /** What Prometheus says of the query besides, such as that a metric may be no counter. */
  readonly remarks: readonly string[]
  /** Series, or values of a label. */
  readonly results: readonly unknown[]
}

export interface Prometheus {
  readonly url: string
  readonly address: string
  /** An instant query. */
  query(expr: string): Promise<Answer>
  /** Values of a label, of series that match. */
  labelValues(selector: string, label: string): Promise<Answer>
  /** Series with exemplars of the last hour. */
  exemplars(expr: string): Promise<Answer>
}

export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const program = findTool('prometheus')
  if (program === undefined) throw new Error('there is no prometheus')
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-prometheus-'))
  const address = `127.0.0.1:${await freePort()}`
  await writeFile(join(directory, 'rules.yaml'), stringify({ groups: options.groups ?? [] }))
  await writeFile(join(directory, 'prometheus.yaml'), stringify(settings(options, address)))
  const child = spawn(
    program,
    [
      `--config.file=${join(directory, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=${address}`,
      '--enable-feature=exemplar-storage',
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-8_192)))
  }
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  closeAfterTest(async () => {
    child.kill('SIGTERM')
    await bounded(ended, { within: ENDED_WITHIN, what: 'Prometheus to end' })
    await rm(directory, { recursive: true, force: true })
  })
  const url = `http://${address}`
  await waitFor(() => isReady(`${url}/-/ready`), {
    within: READY_WITHIN,
    what: () => `Prometheus; it wrote: ${said}`,
  })
  return {
    url,
    address,
    query: (expr) => ask(url, 'query', { query: expr }),
    labelValues: (selector, label) => ask(url, `label/${label}/values`, { 'match[]': selector }),
    exemplars: (expr) => {
      const now = Date.now() / 1_000
      return ask(url, 'query_exemplars', {
        query: expr,
        start: String(now - 3_600),
        end: String(now + 60),
      })
    },
  }
}

function settings({ jobs, alertmanagers = [] }: PrometheusOptions, self: string): object {
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yaml'],
    alerting: { alertmanagers: [{ static_configs: [{ targets: alertmanagers }] }] },
    scrape_configs: Object.entries({ ...jobs, prometheus: [self] }).map(([name, targets]) => ({
      job_name: name,
      static_configs: [{ targets }],
    })),
  }
}

async function ask(
  url: string,
  path: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Answer> {
  const response = await fetch(
    `${url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`,
  )
  const { status, error, warnings = [], infos = [], data } = answer.parse(await response.json())
  const results = z.union([z.array(z.unknown()), z.object({ result: z.array(z.unknown()) })])
  const found = results.safeParse(data)
  return {
    error: status === 'success' ? undefined : (error ?? status),
    remarks: [...warnings, ...infos],
    results: found.success ? (Array.isArray(found.data) ? found.data : found.data.result) : [],
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch {
    return false
  }
}

/** Prometheus cannot be asked for any free port. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
