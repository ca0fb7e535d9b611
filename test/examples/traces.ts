/** A collector that takes the traces of agents and servers besides Sidelight's. */

import assert from 'node:assert/strict'
import { checkExports } from '../otel/check.ts'
import {
  createCollector,
  listen,
  resourceSpansOf,
  type Received,
} from '../support/otlp-collector.ts'
import { plainAttributes, type OtlpSpan, type ResourceSpans } from '../support/otlp-types.ts'
import { closeAfterTest } from '../support/scope.ts'
import { waitFor } from '../support/wait-for.ts'
import { WITHIN } from './example.ts'

export interface Traces {
  /** The variables that make a program export here, soon. */
  readonly env: Readonly<Record<string, string>>
  /**
   * The way from a span with this name up to the root of its trace, each as `service: name`, once all of
   * it is there.
   */
  path(traceId: string, name: string, service: string): Promise<readonly string[]>
}

interface Seen {
  readonly service: string
  readonly span: OtlpSpan
}

export async function startTraces(): Promise<Traces> {
  const received: Received[] = []
  const server = createCollector(received, true)
  const url = await listen(server)
  closeAfterTest(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    checkExports(received.filter(isSidelights))
  })
  const seen = (): readonly Seen[] =>
    resourceSpansOf(received).flatMap((resource) =>
      resource.scopeSpans.flatMap(({ spans }) =>
        spans.map((span) => ({ service: serviceOf(resource), span })),
      ),
    )
  return {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_BLRP_SCHEDULE_DELAY: '50',
    },
    path: (traceId, name, service) =>
      waitFor(() => pathUp(seen(), traceId, name, service), {
        within: WITHIN,
        what: () =>
          `${name} of ${service} and what is above it, among ${seen()
            .map((one) => `${one.service}: ${one.span.name} ${one.span.traceId}`)
            .join(', ')}`,
      }),
  }
}

function pathUp(
  all: readonly Seen[],
  traceId: string,
  name: string,
  service: string,
): readonly string[] | undefined {
  const trace = all.filter(({ span }) => span.traceId === traceId)
  const byId = new Map(trace.map((one) => [one.span.spanId, one]))
  const steps: string[] = []
  // Of a service's spans of that name, the innermost: none is its child.
  const parents = new Set(trace.map(({ span }) => span.parentSpanId))
  let at = trace.find(
    (one) => one.span.name === name && one.service === service && !parents.has(one.span.spanId),
  )
  while (at !== undefined) {
    steps.push(`${at.service}: ${at.span.name}`)
    if (at.span.parentSpanId === '') return steps
    assert.ok(steps.length < 20, steps.join(' < '))
    at = byId.get(at.span.parentSpanId)
  }
  return undefined
}

function serviceOf({ resource }: ResourceSpans): string {
  return String(plainAttributes(resource.attributes)['service.name'])
}

function isSidelights(item: Received): boolean {
  return resourceSpansOf([item]).every((resource) => serviceOf(resource) === 'sidelight')
}
