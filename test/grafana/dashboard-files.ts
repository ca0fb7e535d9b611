/** The committed dashboards as Grafana reads them, and what can be asked of them. */

import { globSync, readFileSync } from 'node:fs'
import { z } from 'zod'

const source = z.object({ type: z.string(), uid: z.string() })

const link = z.object({ title: z.string(), url: z.string() })

const target = z.object({
  refId: z.string(),
  datasource: source,
  expr: z.optional(z.string()),
  query: z.optional(z.string()),
  legendFormat: z.optional(z.string()),
  exemplar: z.optional(z.boolean()),
  instant: z.optional(z.boolean()),
  format: z.optional(z.string()),
})

const properties = z.object({ id: z.string(), value: z.unknown() })

const panel = z.object({
  id: z.number(),
  type: z.string(),
  title: z.string(),
  description: z.string(),
  gridPos: z.strictObject({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  datasource: source,
  links: z.array(link),
  targets: z.array(target),
  fieldConfig: z.object({
    defaults: z.object({ unit: z.string(), noValue: z.string(), links: z.array(link) }),
    overrides: z.array(z.object({ matcher: z.unknown(), properties: z.array(properties) })),
  }),
  options: z.record(z.string(), z.unknown()),
})

const row = z.object({
  id: z.number(),
  type: z.literal('row'),
  title: z.string(),
  collapsed: z.boolean(),
  panels: z.array(panel),
})

const variable = z.object({
  name: z.string(),
  label: z.string(),
  type: z.enum(['datasource', 'query', 'textbox', 'custom']),
  definition: z.optional(z.string()),
  refresh: z.optional(z.number()),
  datasource: z.optional(source),
  multi: z.optional(z.boolean()),
  allValue: z.optional(z.string()),
})

const annotation = z.object({
  name: z.string(),
  expr: z.optional(z.string()),
  datasource: source,
  step: z.optional(z.string()),
  titleFormat: z.optional(z.string()),
  textFormat: z.optional(z.string()),
})

const dashboard = z.object({
  uid: z.string(),
  title: z.string(),
  description: z.string(),
  tags: z.array(z.string()),
  schemaVersion: z.number(),
  editable: z.boolean(),
  time: z.object({ from: z.string(), to: z.string() }),
  annotations: z.object({ list: z.array(annotation) }),
  links: z.array(link),
  templating: z.object({ list: z.array(variable) }),
  panels: z.array(z.union([row, panel])),
})

export type DashboardFile = z.infer<typeof dashboard> & { readonly text: string }
export type PanelFile = z.infer<typeof panel>
export type TargetFile = z.infer<typeof target>

export function readDashboards(): readonly DashboardFile[] {
  return globSync('grafana/dashboards/*.json')
    .toSorted()
    .map((file) => {
      const text = readFileSync(file, 'utf8')
      return { ...dashboard.parse(JSON.parse(text)), text }
    })
}

/** All panels, those of collapsed rows too. */
export const panelsOf = ({ panels }: DashboardFile): readonly PanelFile[] =>
  panels.flatMap((one) => ('targets' in one ? [one] : one.panels))

/** Every query for Prometheus, with where it stands. */
export interface PlacedQuery {
  readonly where: string
  /** With variables of Grafana in it. */
  readonly expr: string
  readonly target: TargetFile | undefined
}

export function promQueriesOf(file: DashboardFile): readonly PlacedQuery[] {
  const inPanels = panelsOf(file).flatMap(({ title, targets }) =>
    targets
      .filter(({ datasource }) => datasource.type === 'prometheus')
      .map((one) => ({
        where: `${file.uid}: ${title}, ${one.refId}`,
        expr: one.expr ?? '',
        target: one,
      })),
  )
  const inAnnotations = file.annotations.list.flatMap(({ name, expr }) =>
    expr === undefined
      ? []
      : [{ where: `${file.uid}: annotation ${name}`, expr, target: undefined }],
  )
  const inVariables = file.templating.list.flatMap(({ name, definition }) =>
    definition === undefined
      ? []
      : [
          {
            where: `${file.uid}: variable ${name}`,
            expr: /^label_values\((.+), \w+\)$/.exec(definition)?.[1] ?? definition,
            target: undefined,
          },
        ],
  )
  return [...inPanels, ...inAnnotations, ...inVariables]
}

/** Durations that Grafana fills in, so that a query parses. */
export const withDurations = (expr: string, range = '1h', rate = '5m'): string =>
  expr.replaceAll('$__rate_interval', rate).replaceAll('$__range', range)
