/** One set of OpenTelemetry packages: two copies of one lose data without an error. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'

interface LockEntry {
  readonly version?: string
  readonly resolved?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface LockFile {
  readonly packages: Readonly<Record<string, LockEntry>>
}

const lock: LockFile = JSON.parse(readFileSync('package-lock.json', 'utf8'))
const manifest: Readonly<
  Record<'dependencies' | 'devDependencies', Readonly<Record<string, string>>>
> = JSON.parse(readFileSync('package.json', 'utf8'))

const STABLE = ['core', 'resources', 'sdk-logs', 'sdk-metrics', 'sdk-trace']
const EXPERIMENTAL = ['otlp-exporter-base', 'otlp-transformer']

describe('dependencies', () => {
  it('hold each OpenTelemetry package once', () => {
    const copies = new Map<string, number>()
    for (const path of Object.keys(lock.packages)) {
      const name = /.*node_modules\/(@opentelemetry\/[^/]+)$/.exec(path)?.[1]
      if (name !== undefined) copies.set(name, (copies.get(name) ?? 0) + 1)
    }
    assert.ok(copies.size >= STABLE.length + EXPERIMENTAL.length)
    assert.deepEqual(
      [...copies].filter(([, count]) => count > 1),
      [],
    )
  })

  it('hold OpenTelemetry packages of one release', () => {
    const versionOf = (name: string): string | undefined =>
      lock.packages[`node_modules/@opentelemetry/${name}`]?.version
    assert.deepEqual(new Set(STABLE.map(versionOf)), new Set(['3.1.0']))
    assert.deepEqual(new Set(EXPERIMENTAL.map(versionOf)), new Set(['0.301.0']))
  })

  it('are pinned to exact versions', () => {
    const all = { ...manifest.dependencies, ...manifest.devDependencies }
    assert.deepEqual(
      Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+(-[a-z]+\.\d+)?$/.test(version)),
      [],
    )
  })

  it('are locked for every platform, or npm ci would refuse', () => {
    const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies }]) =>
      Object.keys(optionalDependencies ?? {}).filter(
        (name) =>
          !(`node_modules/${name}` in lock.packages) &&
          !(`${path}/node_modules/${name}` in lock.packages),
      ),
    )
    assert.deepEqual(missing, [])
  })

  it('name no download host in the lock file', () => {
    const named = Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined)
    assert.deepEqual(named, [])
  })

  it('include the runtime that every npm script uses', () => {
    assert.match(manifest.devDependencies['node'] ?? '', /^26\./)
    assert.ok(Number(process.versions.node.split('.')[0]) >= 22, process.version)
  })
})
