/** What a result was measured on. Nothing here names the machine or its user. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'
import { PEER_NAMES, peerVersion } from './target-peers.ts'
import { haproxyVersion, nginxVersion, wrkVersion } from './target-native.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly kernel: string
  readonly node: string
  readonly nginx: string | null
  readonly haproxy: string | null
  readonly wrk: string | null
  readonly packages: Readonly<Record<string, string>>
  /** Of the proxies in bench/peers; null for those that are not installed. */
  readonly peers: Readonly<Record<string, string | null>>
  /** The commit measured; `+changes` when the working copy differs from it. */
  readonly commit: string | null
}

const PACKAGES: readonly string[] = [
  '@hono/node-server',
  '@opentelemetry/otlp-exporter-base',
  '@opentelemetry/sdk-metrics',
  '@opentelemetry/sdk-trace',
  'hono',
  'undici',
]

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Number((totalmem() / 1024 ** 3).toFixed(1)),
    kernel: `${type()} ${release().split('.').slice(0, 2).join('.')}`,
    node: process.version,
    nginx: nginxVersion() ?? null,
    haproxy: haproxyVersion() ?? null,
    wrk: wrkVersion() ?? null,
    peers: Object.fromEntries(PEER_NAMES.map((name) => [name, peerVersion(name) ?? null])),
    packages: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
    commit: describeCommit(),
  }
}

/** Means over the last minutes. */
export interface LoadAverage {
  readonly oneMinute: number
  readonly fiveMinutes: number
  readonly fifteenMinutes: number
}

export function loadAverage(): LoadAverage {
  const [one = 0, five = 0, fifteen = 0] = loadavg().map((value) => Number(value.toFixed(2)))
  return { oneMinute: one, fiveMinutes: five, fifteenMinutes: fifteen }
}

function versionOf(name: string): string {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url)
  try {
    const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return typeof manifest === 'object' && manifest !== null && 'version' in manifest
      ? String(manifest.version)
      : 'unknown'
  } catch {
    return 'not installed'
  }
}

function describeCommit(): string | null {
  const commit = git('rev-parse', '--short', 'HEAD')
  if (commit === undefined) return null
  // What lies beside the program does not change what is measured.
  const changed = git('status', '--porcelain', '--', 'src', 'package-lock.json')
  return changed === '' ? commit : `${commit}+changes`
}

function git(...args: readonly string[]): string | undefined {
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const { status, stdout } = spawnSync('git', args, { cwd, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}
