/**
 * Grafana's classic dashboard JSON (`schemaVersion: 42`) of what is written here. The newer v2 form
 * cannot be provisioned from files.
 */

import type { Annotation, Dashboard, Link, Override, Panel, Query, Row, Variable } from './model.ts'

const SCHEMA_VERSION = 42

/** Variables hold the data sources, so that a dashboard fits any Grafana. */
const SOURCES = {
  prometheus: { type: 'prometheus', uid: '${datasource}' },
  loki: { type: 'loki', uid: '${loki}' },
  tempo: { type: 'tempo', uid: '${tempo}' },
} as const

const COLUMNS = 24

/** Plain JSON: the value of a file under `grafana/dashboards`. */
export type Json = Readonly<Record<string, unknown>>

export function renderDashboard(dashboard: Dashboard, others: readonly Dashboard[]): Json {
  return {
    uid: dashboard.uid,
    title: dashboard.title,
    description: dashboard.description,
    tags: [...dashboard.tags],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: false,
    graphTooltip: 1,
    fiscalYearStartMonth: 0,
    liveNow: false,
    preload: false,
    refresh: '30s',
    time: { from: dashboard.from, to: 'now' },
    timepicker: {},
    timezone: 'browser',
    weekStart: '',
    annotations: { list: [BUILT_IN_ANNOTATION, ...dashboard.annotations.map(annotation)] },
    links: others.filter(({ uid }) => uid !== dashboard.uid).map(dashboardLink),
    templating: { list: dashboard.variables.map(variable) },
    panels: panelsOf(dashboard.rows),
  }
}

const BUILT_IN_ANNOTATION = {
  builtIn: 1,
  datasource: { type: 'grafana', uid: '-- Grafana --' },
  enable: true,
  hide: true,
  iconColor: 'rgba(0, 211, 255, 1)',
  name: 'Annotations & Alerts',
  type: 'dashboard',
}

function annotation({ name, expr, title, text, colour, step }: Annotation): Json {
  return {
    name,
    datasource: SOURCES.prometheus,
    enable: true,
    hide: false,
    expr,
    iconColor: colour,
    step,
    titleFormat: title,
    textFormat: text,
    useValueForTime: false,
  }
}

function dashboardLink({ uid, title }: Dashboard): Json {
  return {
    title,
    type: 'link',
    url: `/d/${uid}`,
    icon: 'dashboard',
    keepTime: true,
    includeVars: true,
    targetBlank: false,
    asDropdown: false,
    tags: [],
    tooltip: '',
  }
}

function variable(item: Variable): Json {
  const common = { name: item.name, label: item.label, hide: 0, skipUrlSync: false }
  if (item.kind === 'datasource') {
    return { ...common, type: 'datasource', query: item.type, refresh: 1, regex: '', options: [] }
  }
  if (item.kind === 'text') {
    const current = { selected: true, text: item.value, value: item.value }
    return {
      ...common,
      type: 'textbox',
      description: item.description,
      query: item.value,
      current,
      options: [current],
    }
  }
  const many = item.single !== true
  return {
    ...common,
    type: 'query',
    description: item.description,
    datasource: SOURCES.prometheus,
    definition: item.query,
    query: { qryType: 1, query: item.query, refId: `variable-${item.name}` },
    // On every change of the time range: an upstream that came today is in the list today.
    refresh: 2,
    sort: 5,
    regex: '',
    multi: many,
    includeAll: many,
    ...(many ? { allValue: '.*', current: { selected: true, text: 'All', value: '$__all' } } : {}),
    options: [],
  }
}

function panelsOf(rows: readonly Row[]): readonly Json[] {
  const panels: Json[] = []
  let id = 0
  let y = 0
  for (const row of rows) {
    id += 1
    const head = {
      id,
      type: 'row',
      title: row.title,
      collapsed: row.collapsed === true,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
    }
    y += 1
    const placed = place(row.panels, y).map(({ panel, x, top }) => {
      id += 1
      return renderPanel(panel, id, { x, y: top, w: panel.width, h: panel.height })
    })
    y = Math.max(y, ...place(row.panels, y).map(({ panel, top }) => top + panel.height))
    // Grafana keeps the panels of a collapsed row within it.
    panels.push(
      { ...head, panels: row.collapsed === true ? placed : [] },
      ...(row.collapsed === true ? [] : placed),
    )
  }
  return panels
}

interface Placed {
  readonly panel: Panel
  readonly x: number
  readonly top: number
}

/** From left to right, and down when a line is full. */
function place(panels: readonly Panel[], from: number): readonly Placed[] {
  let x = 0
  let top = from
  let lineHeight = 0
  return panels.map((panel) => {
    if (x + panel.width > COLUMNS) {
      x = 0
      top += lineHeight
      lineHeight = 0
    }
    const placed = { panel, x, top }
    x += panel.width
    lineHeight = Math.max(lineHeight, panel.height)
    return placed
  })
}

function renderPanel(panel: Panel, id: number, gridPos: Json): Json {
  const source = SOURCES[panel.queries[0]?.kind ?? 'prometheus']
  return {
    id,
    type: panel.type,
    title: panel.title,
    description: panel.description,
    gridPos,
    datasource: source,
    links: panel.links.map((link) => ({ ...link, targetBlank: true })),
    fieldConfig: {
      defaults: {
        unit: panel.unit,
        noValue: panel.empty,
        ...(panel.min === undefined ? {} : { min: panel.min }),
        ...(panel.max === undefined ? {} : { max: panel.max }),
        ...(panel.decimals === undefined ? {} : { decimals: panel.decimals }),
        color: { mode: panel.steps === undefined ? 'palette-classic' : 'thresholds' },
        thresholds: {
          mode: 'absolute',
          steps: (panel.steps ?? [[null, 'green']]).map(([value, color]) => ({ value, color })),
        },
        mappings: panel.mappings ?? [],
        links: panel.dataLinks.map(dataLink),
        custom: panel.custom ?? {},
      },
      overrides: (panel.overrides ?? []).map(override),
    },
    options: panel.options,
    targets: panel.queries.map(target),
    ...(panel.transformations === undefined ? {} : { transformations: panel.transformations }),
  }
}

const dataLink = ({ title, url }: Link): Json => ({ title, url, targetBlank: true })

function override({ field, properties }: Override): Json {
  return {
    matcher:
      field instanceof RegExp
        ? { id: 'byRegexp', options: `/${field.source}/` }
        : { id: 'byName', options: field },
    properties: Object.entries(properties).map(([id, value]) => ({ id, value })),
  }
}

function target(query: Query, index: number): Json {
  const common = { refId: String.fromCodePoint(65 + index), datasource: SOURCES[query.kind] }
  if (query.kind === 'tempo') {
    return {
      ...common,
      queryType: 'traceql',
      query: query.expr,
      limit: 20,
      spss: 3,
      tableType: 'traces',
    }
  }
  const legend = query.legend ?? '__auto'
  if (query.kind === 'loki') {
    return { ...common, expr: query.expr, queryType: 'range', legendFormat: legend, maxLines: 200 }
  }
  const instant = query.instant === true
  return {
    ...common,
    editorMode: 'code',
    expr: query.expr,
    legendFormat: legend,
    instant,
    range: !instant,
    format: query.format ?? 'time_series',
    exemplar: query.exemplars === true,
    ...(query.interval === undefined ? {} : { interval: query.interval }),
  }
}
