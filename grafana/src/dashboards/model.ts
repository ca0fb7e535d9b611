/**
 * What a dashboard is, as it is written here; `render.ts` makes Grafana's JSON of it. Widths are columns
 * of 24, heights are Grafana's rows of 30 px.
 */

/** Grafana's ids of units. */
export type Unit =
  | 'none'
  | 'short'
  | 'percentunit'
  | 's'
  | 'dtdurations'
  | 'bytes'
  | 'reqps'
  | 'ops'
  | 'dateTimeFromNow'

export type Colour = 'green' | 'yellow' | 'orange' | 'red' | 'blue' | 'purple' | 'text'

/** Colours from `value` on; the first step is from minus infinity. */
export type Steps = readonly (readonly [value: number | null, colour: Colour])[]

export interface Query {
  readonly kind: 'prometheus' | 'loki' | 'tempo'
  readonly expr: string
  readonly legend?: string
  /** One value now, in place of a series over time. */
  readonly instant?: boolean
  readonly format?: 'time_series' | 'table' | 'heatmap'
  /** Asks for exemplars as well: dots that lead to traces. */
  readonly exemplars?: boolean
  /** Where more than the visible time is needed for one point, such as `1h`. */
  readonly interval?: string
}

export interface Link {
  readonly title: string
  readonly url: string
}

export interface Override {
  /** The name of the field, or a regular expression over names. */
  readonly field: string | RegExp
  readonly properties: Readonly<Record<string, unknown>>
}

export type PanelType =
  | 'timeseries'
  | 'stat'
  | 'table'
  | 'heatmap'
  | 'state-timeline'
  | 'logs'
  | 'alertlist'
  | 'text'

export interface Panel {
  readonly type: PanelType
  readonly title: string
  /** What it shows, and what to make of it. */
  readonly description: string
  readonly unit: Unit
  readonly width: number
  readonly height: number
  readonly queries: readonly Query[]
  /** Of the values; where a series may be followed to. */
  readonly dataLinks: readonly Link[]
  /** Of the panel: what to read when it looks bad. */
  readonly links: readonly Link[]
  /** What stands there when there is nothing. */
  readonly empty: string
  readonly min?: number
  readonly max?: number
  readonly decimals?: number
  readonly steps?: Steps
  /** Of `fieldConfig.defaults.custom`. */
  readonly custom?: Readonly<Record<string, unknown>>
  readonly mappings?: readonly unknown[]
  readonly overrides?: readonly Override[]
  readonly options: Readonly<Record<string, unknown>>
  readonly transformations?: readonly unknown[]
}

export interface Row {
  readonly title: string
  readonly collapsed?: boolean
  readonly panels: readonly Panel[]
}

export type Variable =
  | {
      readonly kind: 'datasource'
      readonly name: string
      readonly label: string
      readonly type: string
    }
  | {
      readonly kind: 'query'
      readonly name: string
      readonly label: string
      readonly description: string
      /** `label_values(metric{...}, label)`. */
      readonly query: string
      /** One value only; many and all otherwise. */
      readonly single?: boolean
    }
  | {
      readonly kind: 'text'
      readonly name: string
      readonly label: string
      readonly description: string
      readonly value: string
    }

export interface Annotation {
  readonly name: string
  readonly expr: string
  readonly title: string
  readonly text: string
  readonly colour: Colour
  readonly step: string
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly tags: readonly string[]
  readonly variables: readonly Variable[]
  readonly annotations: readonly Annotation[]
  readonly rows: readonly Row[]
  /** The time shown first, such as `now-1h`. */
  readonly from: string
}
