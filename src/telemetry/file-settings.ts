/** What only a configuration file (`OTEL_CONFIG_FILE`) can say of telemetry. */

export interface FileSettings {
  /** Attributes of the resource, besides those that Sidelight sets itself. */
  readonly resource: Readonly<Record<string, string | number>>
  readonly collectors: Collectors
}

/** Undefined for what is not sent to a collector. */
export interface Collectors {
  readonly traces: Collector | undefined
  readonly metrics: Collector | undefined
  readonly logs: Collector | undefined
}

/** How a collector is reached by OTLP over HTTP. Never printed: headers and keys are secrets. */
export interface Collector {
  /** Whole, with the path of the signal. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly gzip: boolean
  readonly timeoutMs: number
  /** PEM texts. */
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}
