/**
 * What receivers are told: alerts in the form of Alertmanager's API (v2), or notifications in the form of
 * its webhooks (version 4).
 */

import type { AlertState, AlertView } from './views.ts'

/** What a receiver was told of an alert last, and which alert that was. */
export interface Told {
  readonly state: AlertState
  readonly alert: AlertView
  /** Monotonic. */
  readonly atMs: number
}

/** One request, and what its receiver knows when it has succeeded. */
export interface Post {
  readonly body: unknown
  readonly tells: readonly AlertView[]
}

export interface Plan {
  /** Firing and resolved, those that are silenced left out. */
  readonly alerts: readonly AlertView[]
  readonly told: ReadonlyMap<string, Told>
  readonly receiver: string
  readonly nowMs: number
  readonly wallMs: number
  /** Shown as the source of alerts; may be empty. */
  readonly externalUrl: string
}

/** Alertmanager forgets an alert that it does not hear of again; Prometheus tells it every minute too. */
const RESEND_MS = 60_000

/** It takes an alert for resolved after so long without a word: four times as long, as with Prometheus. */
const LASTS_MS = 4 * RESEND_MS

/** Alerts per request. */
const BATCH_MAX = 64

/** A webhook is reminded of what still fires, as by Alertmanager's `repeat_interval`. */
export const REPEAT_MS = 4 * 3_600_000

/** The alerts to be told to Alertmanager now, in batches. */
export function planAlertmanager({ alerts, told, nowMs, wallMs, externalUrl }: Plan): Post[] {
  const due = alerts.filter((alert) => {
    const last = told.get(alert.fingerprint)
    if (last === undefined) return alert.state === 'firing'
    return last.state !== alert.state || nowMs - last.atMs >= RESEND_MS
  })
  const posts: Post[] = []
  for (let from = 0; from < due.length; from += BATCH_MAX) {
    const tells = due.slice(from, from + BATCH_MAX)
    const body = tells.map((alert) => ({
      labels: alert.labels,
      annotations: alert.annotations,
      startsAt: timeOf(alert.firedAtMs ?? alert.activeAtMs),
      endsAt: timeOf(alert.resolvedAtMs ?? wallMs + LASTS_MS),
      ...(externalUrl === '' ? {} : { generatorURL: externalUrl }),
    }))
    posts.push({ body, tells })
  }
  return posts
}

/** The notifications to be sent to a webhook now: one for each name of alerts with news. */
export function planWebhook(plan: Plan): Post[] {
  const news = new Set(plan.alerts.filter((alert) => isNews(alert, plan)).map(({ name }) => name))
  return [...news].map((name) => webhookPost(name, plan))
}

/** True for what a webhook does not know, or knew so long ago that it is reminded. */
function isNews({ fingerprint, state }: AlertView, { told, nowMs }: Plan): boolean {
  const last = told.get(fingerprint)
  if (state !== 'firing') return last?.state === 'firing'
  return last?.state !== 'firing' || nowMs - last.atMs >= REPEAT_MS
}

function webhookPost(name: string, plan: Plan): Post {
  const { alerts, told, receiver, externalUrl } = plan
  // News first: what finds no place in this request is told in the next.
  const group = alerts
    .filter(
      (alert) =>
        alert.name === name &&
        (alert.state === 'firing' || told.get(alert.fingerprint)?.state === 'firing'),
    )
    .toSorted((a, b) => Number(isNews(b, plan)) - Number(isNews(a, plan)))
  const tells = group.slice(0, BATCH_MAX)
  const shown = tells.map((alert) => ({
    status: alert.state,
    labels: alert.labels,
    annotations: alert.annotations,
    startsAt: timeOf(alert.firedAtMs ?? alert.activeAtMs),
    endsAt: alert.resolvedAtMs === undefined ? NO_TIME : timeOf(alert.resolvedAtMs),
    generatorURL: externalUrl,
    fingerprint: alert.fingerprint,
  }))
  const body = {
    version: '4',
    groupKey: `{}:{alertname=${JSON.stringify(name)}}`,
    truncatedAlerts: group.length - tells.length,
    status: tells.some(({ state }) => state === 'firing') ? 'firing' : 'resolved',
    receiver,
    groupLabels: { alertname: name },
    commonLabels: commonOf(tells.map(({ labels }) => labels)),
    commonAnnotations: commonOf(tells.map(({ annotations }) => annotations)),
    externalURL: externalUrl,
    alerts: shown,
  }
  return { body, tells }
}

/** As Go writes the time that stands for none. */
const NO_TIME = '0001-01-01T00:00:00Z'

function timeOf(wallMs: number): string {
  return new Date(wallMs).toISOString()
}

function commonOf(records: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const [first = {}] = records
  const common = Object.entries(first).filter(([name, value]) =>
    records.every((record) => record[name] === value),
  )
  return Object.fromEntries(common)
}
