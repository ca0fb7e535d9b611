/** Whether the collector takes telemetry: it is sent an empty export of every signal (OTLP/HTTP). */

import { readFile } from 'node:fs/promises'
import { readPairs } from '../../config/pairs.ts'
import type { Collector } from '../../telemetry/file-settings.ts'
import type { Env, TelemetrySettings } from '../../telemetry/env.ts'
import { readTelemetrySettings } from '../telemetry-settings.ts'
import { codeOf, type Answer, type Effects } from './effects.ts'
import { fail, ok, warn, type Finding } from './finding.ts'

const SIGNALS = ['traces', 'metrics', 'logs'] as const

type Signal = (typeof SIGNALS)[number]

export async function checkCollector(env: Env, effects: Effects): Promise<readonly Finding[]> {
  const read = await readTelemetrySettings(env)
  if ('kind' in read) {
    return [fail('telemetry', 'OTEL_*', read.message, 'correct it: the sidecar does not start')]
  }
  const { settings, warnings } = read
  const findings = warnings.map((text) => warn('telemetry', 'OTEL_*', text, 'correct the value'))
  if (settings.disabled) return [...findings, ok('telemetry', 'OTEL_SDK_DISABLED', 'switched off')]
  const exported = SIGNALS.filter((signal) => settings[`${signal}Exporter`] === 'otlp')
  const asked = await Promise.all(
    exported.map((signal) => checkSignal(signal, settings, env, effects)),
  )
  return [...findings, ...asked]
}

async function checkSignal(
  signal: Signal,
  settings: TelemetrySettings,
  env: Env,
  effects: Effects,
): Promise<Finding> {
  const json = settings[`${signal}Protocol`] === 'http/json'
  let collector: Pick<Collector, 'url' | 'headers' | 'ca' | 'cert' | 'key'> | undefined
  try {
    collector = settings.file?.collectors[signal] ?? (await byEnvironment(signal, env))
  } catch (error) {
    return fail('collector', signal, `a certificate cannot be read (${codeOf(error)})`, TLS_ADVICE)
  }
  const { url, headers, ca, cert, key } = collector
  if (!URL.canParse(url)) return fail('collector', signal, 'its address is no URL', ADDRESS_ADVICE)
  const answer = await effects.ask({
    url: new URL(url),
    method: 'POST',
    headers: {
      ...headers,
      'Content-Type': json ? 'application/json' : 'application/x-protobuf',
    },
    // Both are an export request without a single item.
    body: Buffer.from(json ? '{}' : ''),
    tls: { ca, cert, key },
  })
  return judge(signal, new URL(url), answer)
}

const ADDRESS_ADVICE = 'set OTEL_EXPORTER_OTLP_ENDPOINT, or OTEL_*_EXPORTER=none to send nothing'
const TLS_ADVICE = 'correct OTEL_EXPORTER_OTLP_CERTIFICATE and its kin'

function judge(signal: Signal, { origin, pathname }: URL, answer: Answer): Finding {
  // Without a query, which may hold a secret.
  const subject = `${signal} ${origin}${pathname}`
  if (answer.kind === 'failed') {
    return warn('collector', subject, `cannot be reached (${answer.code})`, ADDRESS_ADVICE)
  }
  const { status } = answer
  if (status >= 200 && status < 300) return ok('collector', subject, 'takes exports')
  const advice =
    status === 401 || status === 403
      ? 'correct the credential in OTEL_EXPORTER_OTLP_HEADERS'
      : status === 404 || status === 405
        ? 'use the address of its OTLP receiver over HTTP, often port 4318'
        : 'see the log of the collector'
  return warn('collector', subject, `answers with status ${status}`, advice)
}

/** OpenTelemetry specification, "OTLP Exporter Configuration". */
async function byEnvironment(
  signal: Signal,
  env: Env,
): Promise<Pick<Collector, 'url' | 'headers' | 'ca' | 'cert' | 'key'>> {
  const of = (name: string): string | undefined => {
    const own = env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`]?.trim() ?? ''
    const all = env[`OTEL_EXPORTER_OTLP_${name}`]?.trim() ?? ''
    return own !== '' ? own : all === '' ? undefined : all
  }
  const file = async (name: string): Promise<string | undefined> => {
    const path = of(name)
    return path === undefined ? undefined : readFile(path, 'utf8')
  }
  const own = env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`]?.trim() ?? ''
  const base = (of('ENDPOINT') ?? 'http://localhost:4318').replace(/\/$/, '')
  return {
    url: own === '' ? `${base}/v1/${signal}` : own,
    headers: Object.fromEntries(readPairs(of('HEADERS') ?? '') ?? []),
    ca: await file('CERTIFICATE'),
    cert: await file('CLIENT_CERTIFICATE'),
    key: await file('CLIENT_KEY'),
  }
}
