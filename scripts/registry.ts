/**
 * Reads the registry of everything that Sidelight emits: `otel/registry`, in the definition format of
 * OpenTelemetry Weaver (definition/2), with its references resolved. The documentation is generated
 * from it, and tests hold the code and every export against it.
 */

import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'

const OTEL = fileURLToPath(new URL('../otel', import.meta.url))

const stability = z.enum(['stable', 'development', 'alpha', 'beta', 'release_candidate'])

const annotations = z.strictObject({
  sidelight: z.strictObject({
    /** A key of `otel/sources.yaml`. */
    source: z.string().optional(),
    /** Values that are allowed besides the members, or of a text. */
    pattern: z.string().optional(),
    /** On spans and events other values than the members are allowed; on metrics never. */
    open_on_spans: z.boolean().optional(),
    /** Explicit bucket boundaries of a histogram. */
    buckets: z.array(z.number()).optional(),
  }),
})

const primitive = z.enum([
  'string',
  'int',
  'double',
  'boolean',
  'string[]',
  'int[]',
  'double[]',
  'boolean[]',
  'any',
])

const member = z.strictObject({
  id: z.string(),
  value: z.string(),
  brief: z.string().optional(),
  stability,
})

const attribute = z.strictObject({
  key: z.string(),
  type: z.union([
    primitive,
    z.string().regex(/^template\[.+\]$/),
    z.strictObject({ members: z.array(member) }),
  ]),
  brief: z.string(),
  note: z.string().optional(),
  stability,
  examples: z.array(z.unknown()).optional(),
  annotations: annotations.optional(),
})

const requirementLevel = z.union([
  z.enum(['required', 'recommended', 'opt_in']),
  z.strictObject({ conditionally_required: z.string() }),
  z.strictObject({ recommended: z.string() }),
  z.strictObject({ opt_in: z.string() }),
])

const reference = z.union([
  z.strictObject({ ref: z.string(), requirement_level: requirementLevel.optional() }),
  z.strictObject({ ref_group: z.string() }),
])

const signal = {
  brief: z.string(),
  note: z.string().optional(),
  stability,
  annotations: annotations.optional(),
  attributes: z.array(reference).default([]),
}

const file = z.strictObject({
  file_format: z.literal('definition/2'),
  attributes: z.array(attribute).default([]),
  attribute_groups: z
    .array(
      z.strictObject({
        id: z.string(),
        visibility: z.literal('internal'),
        attributes: z.array(reference),
      }),
    )
    .default([]),
  spans: z
    .array(
      z.strictObject({
        type: z.string(),
        kind: z.enum(['server', 'client']),
        name: z.strictObject({ note: z.string() }),
        ...signal,
      }),
    )
    .default([]),
  metrics: z
    .array(
      z.strictObject({
        name: z.string(),
        instrument: z.enum(['histogram', 'counter', 'updowncounter', 'gauge']),
        unit: z.string(),
        ...signal,
      }),
    )
    .default([]),
  events: z.array(z.strictObject({ name: z.string(), ...signal })).default([]),
})

const sources = z.record(
  z.string(),
  z.strictObject({
    title: z.string(),
    repository: z.string(),
    commit: z.string(),
    files: z.array(z.string()),
    schemaUrl: z.string().optional(),
  }),
)

export type Level = 'required' | 'conditionally_required' | 'recommended' | 'opt_in'

export interface RegistryAttribute {
  readonly key: string
  /** Weaver's name of the type; that of an enum's values is `string`. */
  readonly type: string
  /** Values of an enum, with what they mean; undefined for other types. */
  readonly members: ReadonlyMap<string, string> | undefined
  /** Values that are allowed besides the members, or of a text. */
  readonly pattern: RegExp | undefined
  readonly openOnSpans: boolean
  readonly brief: string
  readonly note: string | undefined
  readonly stability: string
  /** A key of `sources`, or `sidelight`. */
  readonly source: string
}

export interface AttributeUse {
  readonly attribute: RegistryAttribute
  readonly level: Level
  /** When it is there, unless it always is. */
  readonly condition: string | undefined
}

export interface RegistrySignal {
  readonly brief: string
  readonly note: string | undefined
  readonly stability: string
  readonly source: string
  /** By key. */
  readonly attributes: ReadonlyMap<string, AttributeUse>
}

export interface RegistrySpan extends RegistrySignal {
  readonly type: string
  readonly kind: 'server' | 'client'
  readonly nameNote: string
}

export interface RegistryMetric extends RegistrySignal {
  readonly name: string
  readonly instrument: 'histogram' | 'counter' | 'updowncounter' | 'gauge'
  readonly unit: string
  readonly buckets: readonly number[] | undefined
}

export interface RegistryEvent extends RegistrySignal {
  readonly name: string
}

export interface Registry {
  readonly attributes: ReadonlyMap<string, RegistryAttribute>
  readonly spans: readonly RegistrySpan[]
  readonly metrics: ReadonlyMap<string, RegistryMetric>
  readonly events: ReadonlyMap<string, RegistryEvent>
  /** Where the definitions come from that are not Sidelight's own. */
  readonly sources: z.infer<typeof sources>
}

type File = z.infer<typeof file>
type Reference = z.infer<typeof reference>

/** The registry of this repository. A mistake in it is thrown: nothing can go on without it. */
export function readRegistry(): Registry {
  const files = globSync('registry/*.yaml', { cwd: OTEL })
    .filter((name) => path.basename(name) !== 'manifest.yaml')
    .toSorted()
    .map((name) => file.parse(parse(readFileSync(path.join(OTEL, name), 'utf8'))))
  const from = sources.parse(parse(readFileSync(path.join(OTEL, 'sources.yaml'), 'utf8')))
  return resolve(files, from)
}

function resolve(files: readonly File[], from: z.infer<typeof sources>): Registry {
  const sourceOf = (given: z.infer<typeof annotations> | undefined): string => {
    const source = given?.sidelight.source ?? 'sidelight'
    if (source !== 'sidelight' && from[source] === undefined) {
      throw new Error(`otel/sources.yaml has no ${source}`)
    }
    return source
  }
  const attributes = unique(
    files.flatMap((one) => one.attributes).map((item) => toAttribute(item, sourceOf)),
    ({ key }) => key,
  )
  const groups = unique(
    files.flatMap((one) => one.attribute_groups),
    ({ id }) => id,
  )
  const usesOf = (references: readonly Reference[]): AttributeUse[] =>
    references.flatMap((item) => {
      if ('ref' in item) return [toUse(item, attributes)]
      const group = groups.get(item.ref_group)
      if (group === undefined) throw new Error(`there is no attribute group ${item.ref_group}`)
      return usesOf(group.attributes)
    })
  const common = (item: File['events'][number] | File['spans'][number]): RegistrySignal => ({
    brief: item.brief,
    note: item.note,
    stability: item.stability,
    source: sourceOf(item.annotations),
    attributes: unique(usesOf(item.attributes), ({ attribute: { key } }) => key),
  })
  return {
    attributes,
    spans: files.flatMap(({ spans }) =>
      spans.map((span) => ({
        ...common(span),
        type: span.type,
        kind: span.kind,
        nameNote: span.name.note,
      })),
    ),
    metrics: unique(
      files.flatMap(({ metrics }) =>
        metrics.map((metric) => ({
          ...common(metric),
          name: metric.name,
          instrument: metric.instrument,
          unit: metric.unit,
          buckets: metric.annotations?.sidelight.buckets,
        })),
      ),
      ({ name }) => name,
    ),
    events: unique(
      files.flatMap(({ events }) => events.map((item) => ({ ...common(item), name: item.name }))),
      ({ name }) => name,
    ),
    sources: from,
  }
}

function toAttribute(
  item: z.infer<typeof attribute>,
  sourceOf: (given: z.infer<typeof annotations> | undefined) => string,
): RegistryAttribute {
  const { type } = item
  const own = item.annotations?.sidelight
  return {
    key: item.key,
    type: typeof type === 'string' ? type : 'string',
    members:
      typeof type === 'string'
        ? undefined
        : new Map(type.members.map(({ value, brief = '' }) => [value, brief])),
    pattern: own?.pattern === undefined ? undefined : new RegExp(own.pattern),
    openOnSpans: own?.open_on_spans === true,
    brief: item.brief.trim(),
    note: item.note?.trim(),
    stability: item.stability,
    source: sourceOf(item.annotations),
  }
}

function toUse(
  item: Extract<Reference, { ref: string }>,
  attributes: ReadonlyMap<string, RegistryAttribute>,
): AttributeUse {
  const found = attributes.get(item.ref)
  if (found === undefined) throw new Error(`there is no attribute ${item.ref}`)
  const given = item.requirement_level ?? 'recommended'
  if (typeof given === 'string') return { attribute: found, level: given, condition: undefined }
  if ('conditionally_required' in given) {
    return {
      attribute: found,
      level: 'conditionally_required',
      condition: given.conditionally_required,
    }
  }
  return 'recommended' in given
    ? { attribute: found, level: 'recommended', condition: given.recommended }
    : { attribute: found, level: 'opt_in', condition: given.opt_in }
}

function unique<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, T> {
  const found = new Map<string, T>()
  for (const item of items) {
    const key = keyOf(item)
    if (found.has(key)) throw new Error(`the registry defines ${key} twice`)
    found.set(key, item)
  }
  return found
}
