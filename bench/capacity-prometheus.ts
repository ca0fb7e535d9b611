/**
 * What a Prometheus needs for the series of sidecars: `node bench/capacity-prometheus.ts [--pods N]
 * [--seconds N] [--write FILE]`.
 *
 * A real sidecar with three upstreams and some tools in use is scraped once; a server shows that text
 * as that of many pods, with counters that grow; a real Prometheus scrapes them every 15 s. Measured
 * are its resident memory for each series in its head, and CPU for each sample. A Prometheus that has run for
 * hours holds more samples of each series; the model doubles the figure.
 */

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createListener } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { findTool } from '../test/support/monitoring-tools.ts'
import { describeMachine, loadAverage } from './machine.ts'

const { values } = parseArgs({
  options: {
    pods: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '90' },
    scrape: { type: 'string' },
    write: { type: 'string' },
  },
})
const pods = Number(values.pods)
const program = findTool('prometheus')
if (program === undefined || values.scrape === undefined) {
  throw new Error(
    'Prometheus is missing (scripts/setup-test-tools.sh), or --scrape FILE: a saved /metrics',
  )
}
const lines = readFileSync(values.scrape, 'utf8').trimEnd().split('\n')

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const listener = createListener()
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', () => resolve()))
  const address = listener.address()
  await new Promise((resolve) => listener.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

let scrapes = 0

/** The same series with other values: counters grow, as they do where something happens. */
function render(): string {
  scrapes += 1
  const grown = lines.map((line) => {
    const cut = line.lastIndexOf(' ')
    const value = Number(line.slice(cut + 1))
    if (line.startsWith('#') || !Number.isInteger(value)) return line
    return `${line.slice(0, cut)} ${value + scrapes}`
  })
  return `${grown.join('\n')}\n`
}

const targets = createServer((_, outgoing) => {
  outgoing.setHeader('Content-Type', 'text/plain; version=0.0.4')
  outgoing.end(render())
})
await new Promise<void>((resolve) => targets.listen(0, '127.0.0.1', () => resolve()))
const address = targets.address()
const target = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
const directory = mkdtempSync(join(tmpdir(), 'sidelight-capacity-'))
const config = {
  global: { scrape_interval: '15s' },
  scrape_configs: [
    {
      job_name: 'sidelight',
      static_configs: Array.from({ length: pods }, (_, index) => ({
        targets: [target],
        labels: {
          instance: `agents-${index}`,
          namespace: `team-${index % 20}`,
          pod: `agents-${index}`,
        },
      })),
    },
  ],
}
writeFileSync(join(directory, 'prometheus.yml'), JSON.stringify(config))
const port = await freePort()
const url = `http://127.0.0.1:${port}`
const prometheus = spawn(
  program,
  [
    `--config.file=${join(directory, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ],
  { stdio: 'ignore' },
)

async function read(): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return new Map(
    text
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .map((line) => [
        line.slice(0, line.lastIndexOf(' ')),
        Number(line.slice(line.lastIndexOf(' ') + 1)),
      ]),
  )
}

try {
  await pause(Number(values.seconds) * 1000)
  const now = await read()
  const of = (name: string): number => now.get(name) ?? Number.NaN
  const series = of('prometheus_tsdb_head_series')
  const samples = of('prometheus_tsdb_head_samples_appended_total{type="float"}')
  const version = [...now.keys()].find((name) => name.startsWith('prometheus_build_info'))
  const result = {
    version: /[,{]version="([^"+]*)/.exec(version ?? '')?.[1] ?? 'unknown',
    pods,
    series,
    samples,
    residentBytesPerSeries: Math.round(of('process_resident_memory_bytes') / series),
    cpuMicrosPerSample: Number(((of('process_cpu_seconds_total') / samples) * 1e6).toFixed(2)),
    machine: describeMachine(),
    load: loadAverage(),
  }
  console.log(JSON.stringify(result, null, 2))
  if (values.write !== undefined)
    writeFileSync(values.write, `${JSON.stringify(result, null, 2)}\n`)
} finally {
  prometheus.kill()
  targets.closeAllConnections()
  targets.close()
  await pause(1000)
  rmSync(directory, { recursive: true, force: true })
}
