/** docker-compose.yml, read as Compose reads it: what it starts, and what that may not do. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import { parseConfig } from '../../src/config/load.ts'
import { runTool, skipWithout } from '../support/monitoring-tools.ts'

const dependency = z.strictObject({
  condition: z.enum(['service_healthy', 'service_started']),
})

const service = z.strictObject({
  image: z.string(),
  build: z.optional(z.object({ context: z.string(), dockerfile: z.string() })),
  profiles: z.optional(z.array(z.string())),
  user: z.string(),
  command: z.optional(z.array(z.string())),
  entrypoint: z.optional(z.array(z.string())),
  environment: z.optional(z.record(z.string(), z.string())),
  volumes: z.optional(z.array(z.string())),
  tmpfs: z.optional(z.array(z.string())),
  ports: z.optional(z.array(z.string())),
  networks: z.optional(z.unknown()),
  network_mode: z.optional(z.string()),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal('ALL')]),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  restart: z.literal('unless-stopped'),
  pids_limit: z.number(),
  mem_limit: z.string(),
  cpus: z.number(),
  logging: z.object({
    driver: z.literal('json-file'),
    options: z.object({ 'max-size': z.string(), 'max-file': z.string() }),
  }),
  healthcheck: z.optional(
    z.strictObject({
      test: z.array(z.string()),
      interval: z.string(),
      timeout: z.string(),
      start_period: z.string(),
      retries: z.number(),
    }),
  ),
  depends_on: z.optional(z.record(z.string(), dependency)),
})

const compose = z.object({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.strictObject({})),
})

const file = compose.parse(parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }))
const services = Object.entries(file.services)

/** Of a profile: those services that have none, and those that name it. */
const startedBy = (profile: string): string[] =>
  services
    .filter(([, { profiles }]) => profiles?.includes(profile) ?? true)
    .map(([name]) => name)
    .toSorted()

const defaultOf = (text: string): string => /^\$\{\w+:-(.+)\}$/.exec(text)?.[1] ?? text

describe('docker-compose.yml', () => {
  // That nothing runs with more than it needs is in the schema above: read-only, no capabilities, no new
  // privileges, limits of memory, processor and processes, logs that are rotated.
  it('runs everything with less than it could have', () => {
    assert.equal(services.length, 14)
    for (const [name, { user }] of services) {
      assert.match(user, /^[1-9]\d*:\d+$/, `${name} runs as root`)
    }
  })

  it('starts the demo when nothing else is said', () => {
    assert.match(readFileSync('.env', 'utf8'), /^COMPOSE_PROFILES=demo$/m)
    assert.deepEqual(startedBy('demo'), [
      'alertmanager',
      'demo-agent',
      'demo-everything',
      'demo-library',
      'grafana',
      'loki',
      'otel-collector',
      'prometheus',
      'sidecar',
      'tempo',
    ])
    assert.deepEqual(startedBy('metrics-only'), [
      'alertmanager',
      'demo-agent-metrics-only',
      'demo-everything-metrics-only',
      'demo-library-metrics-only',
      'grafana',
      'prometheus',
      'sidecar-metrics-only',
    ])
    assert.deepEqual(startedBy('own'), [
      'alertmanager',
      'grafana',
      'loki',
      'otel-collector',
      'prometheus',
      'sidecar',
      'tempo',
    ])
  })

  it('waits only for what its profile starts, and for health where health can be asked', () => {
    for (const profile of ['demo', 'metrics-only', 'own']) {
      const started = startedBy(profile)
      for (const name of started) {
        for (const [on, { condition }] of Object.entries(file.services[name]?.depends_on ?? {})) {
          assert.ok(started.includes(on), `${profile}: ${name} waits for ${on}`)
          // The collector's image holds nothing that could ask.
          const healthy = on !== 'otel-collector'
          assert.equal(condition === 'service_healthy', healthy, `${name} waits for ${on}`)
        }
      }
    }
  })

  // `up --wait` fails on a service whose check is switched off, so that none is.
  it('checks the health of every service, but where the image has nothing to ask with', () => {
    assert.deepEqual(
      services.filter(([, { healthcheck }]) => healthcheck === undefined).map(([name]) => name),
      // The agents' image has a check; the collector's holds the program alone.
      ['demo-agent', 'demo-agent-metrics-only', 'otel-collector'],
    )
    // No image has curl; a shell is in few of them.
    for (const [name, { healthcheck }] of services) {
      if (healthcheck === undefined) continue
      assert.equal(healthcheck.test[0], 'CMD', name)
      assert.doesNotMatch(healthcheck.test.join(' '), /curl|bash| sh /, name)
    }
  })

  it('pins every image that is not built here, and lets each be replaced', () => {
    for (const [name, { image }] of services) {
      assert.match(image, /^\$\{[A-Z_]+_IMAGE:-.+\}$/, name)
      const pinned = /^[\w./-]+:v?\d+\.\d+\.\d+@sha256:[0-9a-f]{64}$/
      const own = ['sidelight:local', 'sidelight-demo:local'].includes(defaultOf(image))
      if (!own) assert.match(defaultOf(image), pinned, name)
    }
    const node = /^ARG NODE_IMAGE=(.+)$/m.exec(readFileSync('deploy/Dockerfile', 'utf8'))?.[1]
    assert.match(node ?? '', /^node:26-slim@sha256:[0-9a-f]{64}$/)
    assert.ok(readFileSync('docker-compose.yml', 'utf8').includes(`\${NODE_IMAGE:-${node}}`))
  })

  it('publishes ports on loopback alone', () => {
    const ports = services.flatMap(([, one]) => one.ports ?? [])
    assert.ok(ports.length >= 5)
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:\$\{\w+:-\d+\}:\d+$/)
  })

  it('mounts files that there are, read-only, and volumes that it declares', () => {
    const declared = new Set(Object.keys(file.volumes))
    const used = new Set<string>()
    for (const [name, { volumes = [] }] of services) {
      for (const volume of volumes) {
        // The default of a variable stands for it.
        const [from = '', , mode] = volume.replace(/^\$\{\w+:-([^}]+)\}/, '$1').split(':')
        if (from.startsWith('./')) {
          assert.ok(existsSync(from), `${name}: ${from}`)
          assert.equal(mode, 'ro', `${name}: ${volume}`)
        } else {
          used.add(from)
        }
      }
    }
    assert.deepEqual([...used].toSorted(), [...declared].toSorted())
  })

  it('has no password in it, and does not start without one', () => {
    const grafana = file.services['grafana']?.environment ?? {}
    assert.match(grafana['GF_SECURITY_ADMIN_PASSWORD'] ?? '', /^\$\{GRAFANA_ADMIN_PASSWORD:\?.+\}$/)
    assert.equal(grafana['GF_AUTH_ANONYMOUS_ENABLED'], 'false')
    assert.equal(grafana['GF_ANALYTICS_REPORTING_ENABLED'], 'false')
  })

  it('gives every data source of Grafana an address', () => {
    const sources = readFileSync('grafana/provisioning/datasources/sidelight.yaml', 'utf8')
    const wanted = [...sources.matchAll(/url: \$\{(\w+)\}/g)].map(([, name]) => name)
    assert.deepEqual(wanted, ['PROMETHEUS_URL', 'ALERTMANAGER_URL', 'TEMPO_URL', 'LOKI_URL'])
    for (const name of wanted) assert.ok(file.services['grafana']?.environment?.[name ?? ''])
  })

  it('keeps metrics long enough for budgets of 30 days', () => {
    const command = file.services['prometheus']?.command ?? []
    assert.ok(command.includes('--storage.tsdb.retention.time=${PROMETHEUS_RETENTION:-32d}'))
    assert.ok(command.includes('--enable-feature=exemplar-storage'))
  })
})

describe('deploy/compose/existing.yml', () => {
  it('runs the sidecar and the collector as docker-compose.yml does', () => {
    const other = compose.parse(
      parse(readFileSync('deploy/compose/existing.yml', 'utf8'), { merge: true }),
    )
    assert.deepEqual(Object.keys(other.services), ['sidecar', 'otel-collector'])
    for (const [name, one] of Object.entries(other.services)) {
      const same = file.services[name]
      assert.ok(same !== undefined)
      const {
        environment: _a,
        depends_on: _b,
        profiles: _c,
        volumes: _d,
        build: _e,
        ...rights
      } = same
      const { environment: _f, depends_on: _g, volumes: _h, build: _i, ...others } = one
      assert.deepEqual(others, rights, name)
    }
  })
})

describe('what docker-compose.yml mounts', () => {
  it('lets Prometheus scrape what is started, under the jobs that rules know', () => {
    const { scrape_configs: jobs } = z
      .object({
        scrape_configs: z.array(
          z.object({
            job_name: z.string(),
            dns_sd_configs: z.optional(
              z.array(z.object({ names: z.array(z.string()), port: z.number() })),
            ),
            static_configs: z.optional(z.array(z.object({ targets: z.array(z.string()) }))),
          }),
        ),
      })
      .parse(parse(readFileSync('grafana/prometheus/prometheus.yml', 'utf8')))
    assert.deepEqual(
      jobs.map(({ job_name: name }) => name),
      ['sidelight', 'otel-collector', 'prometheus', 'alertmanager', 'tempo', 'loki', 'grafana'],
    )
    const hosts = jobs.flatMap(({ dns_sd_configs: dns = [], static_configs: fixed = [] }) => [
      ...dns.flatMap(({ names }) => names),
      ...fixed.flatMap(({ targets }) => targets.map((target) => target.split(':')[0] ?? '')),
    ])
    for (const host of hosts.filter((name) => name !== '127.0.0.1')) {
      assert.ok(host in file.services, host)
    }
  })

  it('gives the sidecar a configuration that is valid', () => {
    const read = parseConfig(readFileSync('deploy/compose/sidelight.yaml', 'utf8'), {})
    assert.equal(read.kind, 'config')
  })

  it('is what Prometheus can read', { skip: skipWithout('promtool') }, () => {
    // Rules lie elsewhere here, and are checked where they are made.
    const { ok, text } = runTool('promtool', [
      'check',
      'config',
      'grafana/prometheus/prometheus.yml',
    ])
    assert.ok(ok, text)
  })

  it('leads from an exemplar to its trace, from a span to its log and metrics, and back', () => {
    const { datasources } = z
      .object({
        datasources: z.array(
          z.object({
            uid: z.string(),
            type: z.string(),
            editable: z.literal(false),
            jsonData: z.record(z.string(), z.unknown()),
          }),
        ),
      })
      .parse(parse(readFileSync('grafana/provisioning/datasources/sidelight.yaml', 'utf8')))
    const uids = datasources.map(({ uid }) => uid)
    assert.deepEqual(uids, [
      'sidelight-prometheus',
      'sidelight-alertmanager',
      'sidelight-tempo',
      'sidelight-loki',
    ])
    const targets = [
      ...JSON.stringify(datasources).matchAll(/"(?:datasource|alertmanager)Uid":"([\w-]+)"/g),
    ]
    assert.equal(targets.length, 6)
    for (const [, uid = ''] of targets) assert.ok(uids.includes(uid), uid)
  })
})
