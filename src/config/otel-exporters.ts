/** Exporters in OpenTelemetry's declarative configuration, as far as they can be honoured. */

import * as z from 'zod/mini'
import { readPairs } from './pairs.ts'
import { text } from './scalars.ts'

type Never = z.ZodMiniOptional<z.ZodMiniNever>

/** A key of the format that cannot be honoured. */
export const unsupported = (advice: string): Never =>
  z.optional(z.never({ error: `not supported; ${advice}` }))

const OTHER_EXPORTER = 'use otlp_http (collectors take it on port 4318)'

/** The longest wait that a timer can hold. */
export const TIMER_MS_MAX = 2 ** 31 - 1

export const millis = z.int().check(z.gte(0), z.lte(TIMER_MS_MAX))
export const nothing = z.strictObject({})

/** `names` are those that can be honoured. */
export const exactlyOne = <T extends z.ZodMiniObject>(names: string, schema: T): T =>
  schema.check(
    z.refine((value) => Object.values(value).filter((item) => item !== undefined).length === 1, {
      error: `expected exactly one of ${names}`,
    }),
  )

const httpUrl = text('an address such as http://collector:4318/v1/traces', (value) => {
  const url = URL.parse(value)
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:')
})

const headerName = text('the name of a header', (value) =>
  /^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(value),
)
const headerValue = text('a header’s value, without control characters', isHeaderValue)

function isHeaderValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
}

const tls = z
  .strictObject({
    ca_file: z.optional(z.string()),
    cert_file: z.optional(z.string()),
    key_file: z.optional(z.string()),
  })
  .check(
    z.refine((value) => (value.cert_file === undefined) === (value.key_file === undefined), {
      error: 'expected both cert_file and key_file, or neither',
    }),
  )

const otlpHttp = {
  endpoint: z.optional(httpUrl),
  tls: z.optional(tls),
  headers: z.optional(
    z.array(z.strictObject({ name: headerName, value: z.optional(headerValue) })),
  ),
  headers_list: z.optional(
    text('headers such as name=value,other=value, percent-encoded', (value) =>
      [...(readPairs(value) ?? [['', '']])].every(
        ([name, part]) => headerName.safeParse(name).success && isHeaderValue(part),
      ),
    ),
  ),
  compression: z.optional(z.enum(['gzip', 'none'])),
  timeout: z.optional(millis),
  encoding: z.optional(z.enum(['protobuf', 'json'])),
}

const metricForms = {
  temporality_preference: z.optional(z.enum(['cumulative', 'delta', 'low_memory'])),
  default_histogram_aggregation: z.optional(
    z.enum(['explicit_bucket_histogram', 'base2_exponential_bucket_histogram']),
  ),
}

const otherExporters = {
  otlp_grpc: unsupported(OTHER_EXPORTER),
  'otlp_file/development': unsupported('use console, which writes OTLP/JSON lines'),
}

/** Of spans and of log records. */
export const exporter = exactlyOne(
  'otlp_http, console',
  z.strictObject({
    otlp_http: z.optional(z.strictObject(otlpHttp)),
    console: z.optional(nothing),
    ...otherExporters,
  }),
)

export const metricExporter = exactlyOne(
  'otlp_http, console',
  z.strictObject({
    otlp_http: z.optional(z.strictObject({ ...otlpHttp, ...metricForms })),
    console: z.optional(z.strictObject(metricForms)),
    ...otherExporters,
  }),
)

export type OtelExporter = z.infer<typeof exporter>
export type OtelMetricExporter = z.infer<typeof metricExporter>
