/** The kinds of panels, with what all of a kind have in common. */

import { code } from './promql.ts'
import type { Link, Override, Panel, Query, Steps, Unit } from './model.ts'

/** What a panel says itself; the rest is of its kind. */
export interface PanelText {
  readonly title: string
  /** What it shows, and what to make of it. */
  readonly description: string
  readonly unit: Unit
  readonly width: number
  readonly height?: number
  readonly queries: readonly Query[]
  readonly dataLinks?: readonly Link[]
  readonly links?: readonly Link[]
  readonly empty?: string
  readonly min?: number
  readonly max?: number
  readonly decimals?: number
  readonly steps?: Steps
  readonly overrides?: readonly Override[]
  readonly mappings?: readonly unknown[]
}

const NO_TRAFFIC = 'No traffic yet'
const HEIGHT = 8

/** A query to Prometheus over time. */
export const over = (expr: string, legend: string, more: Partial<Query> = {}): Query => ({
  kind: 'prometheus',
  expr: code(expr),
  legend,
  ...more,
})

/** A query to Prometheus for one value now. */
export const now = (expr: string, legend = '', more: Partial<Query> = {}): Query => ({
  kind: 'prometheus',
  expr: code(expr),
  legend,
  instant: true,
  ...more,
})

export interface SeriesText extends PanelText {
  readonly stacked?: boolean
  /** A line at each step's value, as for a threshold that an alert has. */
  readonly showSteps?: boolean
}

export function timeseries(text: SeriesText): Panel {
  return {
    ...base(text),
    type: 'timeseries',
    custom: {
      drawStyle: 'line',
      lineInterpolation: 'linear',
      lineWidth: 1,
      fillOpacity: text.stacked === true ? 30 : 8,
      pointSize: 4,
      showPoints: 'auto',
      // A gap is no zero, and no straight line either.
      spanNulls: false,
      stacking: { mode: text.stacked === true ? 'normal' : 'none', group: 'A' },
      axisPlacement: 'auto',
      thresholdsStyle: { mode: text.showSteps === true ? 'dashed' : 'off' },
    },
    options: {
      legend: {
        displayMode: 'table',
        placement: 'bottom',
        showLegend: true,
        calcs: ['lastNotNull', 'max'],
        sortBy: 'Max',
        sortDesc: true,
      },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  }
}

export interface StatText extends PanelText {
  /** The course of the value behind it. */
  readonly sparkline?: boolean
}

export function stat(text: StatText): Panel {
  return {
    ...base({ height: 4, ...text }),
    type: 'stat',
    options: {
      reduceOptions: { values: false, calcs: ['lastNotNull'], fields: '' },
      colorMode: text.steps === undefined ? 'none' : 'value',
      graphMode: text.sparkline === true ? 'area' : 'none',
      justifyMode: 'auto',
      orientation: 'auto',
      textMode: 'auto',
      wideLayout: true,
    },
  }
}

export interface TableText extends PanelText {
  /** Labels that are shown, with the heading of each; others are hidden. */
  readonly columns: readonly (readonly [label: string, heading: string])[]
  /** Heading, unit and colours of each query's value, in their order. */
  readonly values: readonly {
    readonly heading: string
    readonly unit: Unit
    readonly steps?: Steps
    readonly decimals?: number
    readonly mappings?: readonly unknown[]
  }[]
  /** Index of the value to sort by, largest first. */
  readonly sortBy: number
  /** Followed from the first column. */
  readonly rowLinks: readonly Link[]
}

/** One row for each set of labels, with a column for each query. */
export function table(text: TableText): Panel {
  const queries = text.queries.map((query): Query => ({ ...query, instant: true, format: 'table' }))
  const many = queries.length > 1
  const valueName = (index: number): string =>
    many ? `Value #${String.fromCodePoint(65 + index)}` : 'Value'
  const [first] = text.columns
  return {
    ...base({ height: 9, ...text, queries }),
    type: 'table',
    custom: { align: 'auto', filterable: true, cellOptions: { type: 'auto' } },
    transformations: [
      ...(many ? [{ id: 'merge', options: {} }] : []),
      {
        id: 'filterFieldsByName',
        options: {
          include: {
            names: [
              ...text.columns.map(([label]) => label),
              ...queries.map((_, i) => valueName(i)),
            ],
          },
        },
      },
    ],
    overrides: [
      ...text.columns.map(([label, heading]): Override => ({
        field: label,
        properties: {
          displayName: heading,
          ...(label === first?.[0] ? { links: text.rowLinks } : {}),
        },
      })),
      ...text.values.map(({ heading, unit, steps, decimals, mappings }, index): Override => ({
        field: valueName(index),
        properties: {
          displayName: heading,
          unit,
          ...(decimals === undefined ? {} : { decimals }),
          ...(mappings === undefined
            ? {}
            : { mappings, 'custom.cellOptions': { type: 'color-text' } }),
          ...(steps === undefined
            ? {}
            : {
                thresholds: {
                  mode: 'absolute',
                  steps: steps.map(([value, color]) => ({ value, color })),
                },
                color: { mode: 'thresholds' },
                'custom.cellOptions': { type: 'color-text' },
              }),
        },
      })),
    ],
    options: {
      showHeader: true,
      cellHeight: 'sm',
      sortBy: [{ displayName: text.values[text.sortBy]?.heading ?? '', desc: true }],
    },
  }
}

/** How many calls took how long; the dots are traces. Serves classic and native histograms. */
export function heatmap(text: PanelText): Panel {
  return {
    ...base({
      ...text,
      queries: text.queries.map((query) => ({ ...query, format: 'heatmap', exemplars: true })),
    }),
    type: 'heatmap',
    custom: {
      hideFrom: { legend: false, tooltip: false, viz: false },
      scaleDistribution: { type: 'linear' },
    },
    options: {
      calculate: false,
      cellGap: 1,
      color: {
        mode: 'scheme',
        scheme: 'Oranges',
        scale: 'exponential',
        exponent: 0.5,
        steps: 64,
        reverse: false,
        fill: 'dark-orange',
      },
      exemplars: { color: 'rgba(80, 160, 255, 0.8)' },
      filterValues: { le: 1e-9 },
      legend: { show: true },
      rowsFrame: { layout: 'auto' },
      showValue: 'never',
      tooltip: { mode: 'single', yHistogram: true, showColorScale: true },
      yAxis: { axisPlacement: 'left', reverse: false, unit: text.unit },
    },
  }
}

/** States over time, one line for each series; `mappings` names and colours the values. */
export function timeline(text: PanelText): Panel {
  return {
    ...base(text),
    type: 'state-timeline',
    custom: { fillOpacity: 80, lineWidth: 0, spanNulls: false, insertNulls: false },
    options: {
      alignValue: 'left',
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
      mergeValues: true,
      perPage: 20,
      rowHeight: 0.8,
      showValue: 'never',
      tooltip: { mode: 'single', sort: 'none' },
    },
  }
}

/** What panels of every kind have. */
export function base(text: PanelText): Omit<Panel, 'type' | 'options'> {
  const { height = HEIGHT, dataLinks = [], links = [], empty = NO_TRAFFIC, ...rest } = text
  return { ...rest, height, dataLinks, links, empty }
}
