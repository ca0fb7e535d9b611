/**
 * What Sidelight honours of OpenTelemetry's declarative configuration, format 1.0 and 1.1
 * (github.com/open-telemetry/opentelemetry-configuration). The rest of the format is known too, and
 * says what to do instead.
 */

import * as z from 'zod/mini'
import {
  exactlyOne,
  exporter,
  metricExporter,
  millis,
  nothing,
  TIMER_MS_MAX,
  unsupported,
} from './otel-exporters.ts'
import { readPairs } from './pairs.ts'
import { text } from './scalars.ts'

const OTHER_SAMPLER =
  'use always_on, always_off or trace_id_ratio_based, alone or as root of parent_based'
const NO_VIEWS = 'remove it; a collector can rename or drop metrics'
const NO_PRODUCERS = 'remove it; Sidelight exports its own metrics only'
const OWN_LIMITS = 'remove it; series are limited as docs/telemetry.md says'
const NO_FILTERS = 'remove it; there is one scope, sidelight'

const count = z.int().check(z.gte(0))
const positive = z.int().check(z.gte(1))

const processor = exactlyOne(
  'batch, simple',
  z.strictObject({
    batch: z.optional(
      z.strictObject({
        schedule_delay: z.optional(millis),
        export_timeout: z.optional(millis),
        max_queue_size: z.optional(positive),
        max_export_batch_size: z.optional(positive),
        exporter,
      }),
    ),
    simple: z.optional(z.strictObject({ exporter })),
    'event_to_span_event_bridge/development': unsupported('remove it'),
  }),
)

const processors = z.array(processor).check(
  z.refine((list) => list.length === 1, {
    error: 'expected one processor; a collector can send on to several places',
  }),
)

const rootSampler = {
  always_on: z.optional(nothing),
  always_off: z.optional(nothing),
  trace_id_ratio_based: z.optional(
    z.strictObject({ ratio: z.optional(z.number().check(z.gte(0), z.lte(1))) }),
  ),
  'composite/development': unsupported(OTHER_SAMPLER),
  'jaeger_remote/development': unsupported(OTHER_SAMPLER),
  'probability/development': unsupported(OTHER_SAMPLER),
}

/** What to do below a parent; only what the format takes for granted can be had. */
const fixed = (name: 'always_on' | 'always_off'): z.ZodMiniOptional<z.ZodMiniUnknown> =>
  z.optional(
    z.unknown().check(
      z.refine(
        (value) =>
          typeof value === 'object' && value !== null && Object.keys(value).join(',') === name,
        {
          error: `only ${name} is supported here; see telemetry.trustSampled in docs/telemetry.md`,
        },
      ),
    ),
  )

const sampler = exactlyOne(
  'parent_based, always_on, always_off, trace_id_ratio_based',
  z.strictObject({
    ...rootSampler,
    parent_based: z.optional(
      z.strictObject({
        root: z.optional(
          exactlyOne('always_on, always_off, trace_id_ratio_based', z.strictObject(rootSampler)),
        ),
        remote_parent_sampled: fixed('always_on'),
        remote_parent_not_sampled: fixed('always_off'),
        local_parent_sampled: fixed('always_on'),
        local_parent_not_sampled: fixed('always_off'),
      }),
    ),
  }),
)

const limits = {
  attribute_value_length_limit: z.optional(count),
  attribute_count_limit: z.optional(count),
}

const tracerProvider = z.strictObject({
  processors,
  sampler: z.optional(sampler),
  limits: z.optional(
    z.strictObject({
      ...limits,
      // Spans have no events, no attributes on links, and two links at most.
      event_count_limit: z.optional(count),
      event_attribute_count_limit: z.optional(count),
      link_attribute_count_limit: z.optional(count),
      link_count_limit: z.optional(
        z.int().check(z.gte(2, { error: 'expected at least 2; spans have two links at most' })),
      ),
    }),
  ),
  id_generator: z.optional(exactlyOne('random', z.strictObject({ random: z.optional(nothing) }))),
  'tracer_configurator/development': unsupported(NO_FILTERS),
})

const pullExporter = z.strictObject({
  'prometheus/development': z.optional(
    z.strictObject({
      host: unsupported('/metrics is on the admin listener; use --admin or listen.admin'),
      port: unsupported('/metrics is on the admin listener; use --admin or listen.admin'),
    }),
  ),
})

const reader = exactlyOne(
  'periodic, pull',
  z.strictObject({
    periodic: z.optional(
      z.strictObject({
        interval: z.optional(z.int().check(z.gte(1), z.lte(TIMER_MS_MAX))),
        timeout: z.optional(millis),
        exporter: metricExporter,
        producers: unsupported(NO_PRODUCERS),
        cardinality_limits: unsupported(OWN_LIMITS),
        'max_export_batch_size/development': unsupported('remove it; batches have 1,000 points'),
      }),
    ),
    pull: z.optional(
      z.strictObject({
        exporter: pullExporter,
        producers: unsupported(NO_PRODUCERS),
        cardinality_limits: unsupported(OWN_LIMITS),
      }),
    ),
  }),
)

const meterProvider = z.strictObject({
  readers: z.array(reader).check(
    z.minLength(1),
    z.refine((list) => list.filter(({ periodic }) => periodic !== undefined).length <= 1, {
      error: 'expected one periodic reader; a collector can send on to several places',
    }),
  ),
  views: unsupported(NO_VIEWS),
  exemplar_filter: z.optional(z.enum(['trace_based', 'always_off'])),
  'meter_configurator/development': unsupported(NO_FILTERS),
})

const loggerProvider = z.strictObject({
  processors,
  limits: z.optional(z.strictObject(limits)),
  'logger_configurator/development': unsupported(`${NO_FILTERS}; see log.level`),
})

const PROPAGATORS: readonly string[] = ['tracecontext', 'baggage', 'none']
const NO_B3 = 'use tracecontext'

const propagator = z.strictObject({
  composite: z.optional(
    z.array(
      exactlyOne(
        'tracecontext, baggage',
        z.strictObject({
          tracecontext: z.optional(nothing),
          baggage: z.optional(nothing),
          b3: unsupported(NO_B3),
          b3multi: unsupported(NO_B3),
        }),
      ),
    ),
  ),
  composite_list: z.optional(
    text('tracecontext, baggage or none, with commas between them', (value) =>
      value.split(',').every((name) => PROPAGATORS.includes(name.trim())),
    ),
  ),
})

const attribute = z
  .strictObject({
    name: z.string().check(z.minLength(1)),
    value: z.union([z.string(), z.number()], {
      error: 'expected text or a number; lists and truth values are not supported',
    }),
    type: z.optional(z.enum(['string', 'int', 'double'])),
  })
  .check(
    z.refine(({ value, type }) => fitsType(value, type ?? 'string') || type === undefined, {
      error: 'the value is not of the type',
      path: ['value'],
    }),
  )

function fitsType(value: string | number, type: 'string' | 'int' | 'double'): boolean {
  if (type === 'string') return typeof value === 'string'
  return type === 'int' ? Number.isSafeInteger(value) : typeof value === 'number'
}

const resource = z.strictObject({
  attributes: z.optional(z.array(attribute)),
  attributes_list: z.optional(
    text(
      'attributes such as name=value,other=value, percent-encoded',
      (value) => readPairs(value) !== undefined,
    ),
  ),
  schema_url: unsupported('remove it'),
  'detection/development': unsupported('remove it, and name attributes in resource.attributes'),
})

export const otelSchema = z.strictObject({
  file_format: text('"1.0" or "1.1", in quotes', (value) => value === '1.0' || value === '1.1'),
  disabled: z.optional(z.boolean()),
  log_level: unsupported('use log.level of Sidelight’s own configuration, or --log-level'),
  attribute_limits: z.optional(z.strictObject(limits)),
  propagator: z.optional(propagator),
  tracer_provider: z.optional(tracerProvider),
  meter_provider: z.optional(meterProvider),
  logger_provider: z.optional(loggerProvider),
  resource: z.optional(resource),
  'instrumentation/development': unsupported('remove it; nothing is instrumented here'),
  distribution: unsupported('remove it; Sidelight is no distribution of an SDK'),
})

export type OtelFile = z.infer<typeof otelSchema>
export type OtelProcessors = z.infer<typeof processors>
