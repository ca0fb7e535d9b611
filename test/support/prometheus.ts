/** A real Prometheus that scrapes once a second and sends alerts to an Alertmanager. */

import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { startServer } from './alertmanager.ts'

export interface Prometheus {
  readonly url: string
  /** Samples of an instant query: labels and value. */
  query(expr: string): Promise<readonly Sample[]>
  /** What is wrong with rules, as it says itself: their names with the errors. */
  failedRules(): Promise<readonly string[]>
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

interface RulesReply {
  readonly data: {
    readonly groups: readonly {
      readonly rules: readonly {
        readonly name: string
        readonly health: string
        readonly lastError?: string
      }[]
    }[]
  }
}

interface QueryReply {
  readonly status: string
  readonly error?: string
  readonly warnings?: readonly string[]
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>
      readonly value: readonly [number, string]
    }[]
  }
}

export async function startPrometheus(options: {
  /** Rule files, by name. */
  readonly rules: Readonly<Record<string, string>>
  readonly alertmanagerUrl: string
  /** Addresses to scrape, by job. */
  readonly targets: Readonly<Record<string, string>>
}): Promise<Prometheus> {
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-prometheus-'))
  for (const [name, text] of Object.entries(options.rules)) {
    await writeFile(join(directory, name), text)
  }
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: Object.keys(options.rules),
    alerting: {
      alertmanagers: [{ static_configs: [{ targets: [new URL(options.alertmanagerUrl).host] }] }],
    },
    scrape_configs: Object.entries(options.targets).map(([job, url]) => ({
      job_name: job,
      static_configs: [{ targets: [new URL(url).host], labels: { instance: job } }],
    })),
  }
  await writeFile(join(directory, 'prometheus.yml'), stringify(config))
  const url = await startServer(
    'prometheus',
    directory,
    (address) => [
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=data',
      '--rules.alert.resend-delay=1s',
      `--web.listen-address=${address}`,
    ],
    '/-/ready',
  )
  return {
    url,
    failedRules: async () => {
      const { data }: RulesReply = JSON.parse(await (await fetch(`${url}/api/v1/rules`)).text())
      return data.groups
        .flatMap(({ rules }) => rules)
        .filter(({ health }) => health !== 'ok')
        .map(({ name, health, lastError }) => `${name}: ${lastError ?? health}`)
    },
    query: async (expr) => {
      const address = `${url}/api/v1/query?query=${encodeURIComponent(expr)}`
      const reply: QueryReply = JSON.parse(await (await fetch(address)).text())
      if (reply.status !== 'success') throw new Error(`${expr}: ${reply.error}`)
      return reply.data.result.map(({ metric, value: [, value] }) => ({
        labels: metric,
        value: Number(value),
      }))
    },
  }
}
