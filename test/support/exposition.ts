/**
 * A strict reader of both formats that `/metrics` has, written from their specifications: Prometheus
 * text format 0.0.4, and OpenMetrics 1.0. It throws at whatever these do not allow.
 */

import assert from 'node:assert/strict'

export interface ExpositionExemplar {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly timestamp: number | undefined
}

export interface ExpositionSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly exemplar: ExpositionExemplar | undefined
}

export interface ExpositionFamily {
  readonly name: string
  readonly type: string
  unit: string | undefined
  help: string | undefined
  readonly samples: ExpositionSample[]
}

const TYPES = {
  text: ['counter', 'gauge', 'histogram', 'summary', 'untyped'],
  openmetrics: ['counter', 'gauge', 'histogram', 'info', 'stateset', 'summary', 'unknown'],
} as const

const NUMBER = /^(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?Inf|NaN)$/i

export function parseExposition(
  text: string,
  format: 'text' | 'openmetrics',
): readonly ExpositionFamily[] {
  assert.ok(text.endsWith('\n'), 'ends with a line feed')
  const lines = text.slice(0, -1).split('\n')
  if (format === 'openmetrics') assert.equal(lines.pop(), '# EOF', 'ends with # EOF')
  const reader = new Reader(format)
  for (const line of lines) reader.line(line)
  const families = [...reader.families.values()]
  for (const family of families) check(family, format)
  return families
}

class Reader {
  readonly families = new Map<string, ExpositionFamily>()
  readonly #format: 'text' | 'openmetrics'
  #current: ExpositionFamily | undefined
  readonly #help = new Map<string, string>()

  constructor(format: 'text' | 'openmetrics') {
    this.#format = format
  }

  line(line: string): void {
    assert.notEqual(line, '', 'no empty lines')
    if (!line.startsWith('#')) return this.#sample(line)
    const match = /^# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line)
    assert.ok(match, `no line of metadata: ${line}`)
    const [, what, name = '', rest = ''] = match
    if (what === 'HELP') return void this.#help.set(name, rest)
    if (what === 'UNIT') {
      assert.equal(this.#format, 'openmetrics', 'UNIT is of OpenMetrics')
      assert.equal(this.#current?.name, name)
      assert.ok(name.endsWith(`_${rest}`), `${name} must end in its unit ${rest}`)
      if (this.#current !== undefined) this.#current.unit = rest
      return
    }
    assert.ok((TYPES[this.#format] as readonly string[]).includes(rest), `type ${rest}`)
    assert.ok(!this.families.has(name), `${name} appears twice`)
    this.#current = { name, type: rest, unit: undefined, help: this.#help.get(name), samples: [] }
    this.families.set(name, this.#current)
  }

  #sample(line: string): void {
    const cursor = new Cursor(line)
    const name = cursor.take(/[a-zA-Z_:][a-zA-Z0-9_:]*/y)
    const labels = cursor.at('{') ? cursor.labels() : {}
    cursor.expect(' ')
    const value = cursor.number()
    let exemplar: ExpositionExemplar | undefined
    if (cursor.at(' # ')) {
      assert.equal(this.#format, 'openmetrics', 'exemplars are of OpenMetrics')
      cursor.expect(' # ')
      exemplar = readExemplar(cursor)
    }
    assert.ok(cursor.done(), `something follows: ${line}`)
    const family = this.#current
    assert.ok(family, `no TYPE before ${line}`)
    assert.ok(
      suffixes(family, this.#format).some((suffix) => name === family.name + suffix),
      `${name} does not belong to ${family.name}`,
    )
    if (exemplar !== undefined) {
      assert.match(name, /_bucket$|_total$/)
    }
    family.samples.push({ name, labels, value, exemplar })
  }
}

function readExemplar(cursor: Cursor): ExpositionExemplar {
  const labels = cursor.labels()
  const chars = Object.entries(labels).reduce(
    (sum, [key, value]) => sum + key.length + value.length,
    0,
  )
  assert.ok(chars <= 128, 'an exemplar has at most 128 characters')
  cursor.expect(' ')
  const value = cursor.number()
  if (!cursor.at(' ')) return { labels, value, timestamp: undefined }
  cursor.expect(' ')
  return { labels, value, timestamp: cursor.number() }
}

function suffixes({ type }: ExpositionFamily, format: 'text' | 'openmetrics'): readonly string[] {
  if (type === 'histogram') return ['_bucket', '_sum', '_count']
  if (format === 'openmetrics' && type === 'counter') return ['_total', '_created']
  return format === 'openmetrics' && type === 'info' ? ['_info'] : ['']
}

class Cursor {
  readonly #line: string
  #at = 0

  constructor(line: string) {
    this.#line = line
  }

  at(text: string): boolean {
    return this.#line.startsWith(text, this.#at)
  }

  expect(text: string): void {
    assert.ok(this.at(text), `${JSON.stringify(text)} expected at ${this.#at} of ${this.#line}`)
    this.#at += text.length
  }

  take(sticky: RegExp): string {
    sticky.lastIndex = this.#at
    const found = sticky.exec(this.#line)?.[0]
    assert.ok(found, `${String(sticky)} expected at ${this.#at} of ${this.#line}`)
    this.#at += found.length
    return found
  }

  number(): number {
    const text = this.take(/[^ ]+/y)
    assert.match(text, NUMBER)
    return Number(text.replace(/^([+-]?)inf$/i, '$1Infinity'))
  }

  labels(): Record<string, string> {
    const labels: Record<string, string> = {}
    this.expect('{')
    while (!this.at('}')) {
      if (Object.keys(labels).length > 0) this.expect(',')
      const name = this.take(/[a-zA-Z_][a-zA-Z0-9_]*/y)
      assert.ok(!Object.hasOwn(labels, name), `${name} appears twice`)
      this.expect('=')
      // Of escapes there are three, and a line feed cannot be in a line.
      const quoted = this.take(/"(?:[^"\\]|\\[\\"n])*"/y)
      labels[name] = quoted
        .slice(1, -1)
        .replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
    }
    this.expect('}')
    return labels
  }

  done(): boolean {
    return this.#at === this.#line.length
  }
}

function check(family: ExpositionFamily, format: 'text' | 'openmetrics'): void {
  const seen = new Set<string>()
  for (const { name, labels, value } of family.samples) {
    const key = JSON.stringify([
      name,
      Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ])
    assert.ok(!seen.has(key), `${key} appears twice`)
    seen.add(key)
    if (family.type === 'counter') assert.ok(value >= 0, `${name} is not below zero`)
  }
  if (family.type === 'histogram') checkHistogram(family, format)
}

/** Buckets in order, not falling, with +Inf last and equal to the count. */
function checkHistogram({ name, samples }: ExpositionFamily, format: 'text' | 'openmetrics'): void {
  let bounds: number[] = []
  let last = 0
  for (const sample of samples) {
    if (sample.name === `${name}_bucket`) {
      const le = sample.labels['le'] ?? ''
      if (format === 'openmetrics') assert.match(le, /[.]|^\+Inf$|e/, 'le is a float')
      const bound = le === '+Inf' ? Infinity : Number(le)
      assert.ok(bounds.length === 0 || bound > (bounds.at(-1) ?? 0), `bounds rise: ${le}`)
      assert.ok(sample.value >= last, 'buckets are cumulative')
      if (sample.exemplar !== undefined) {
        assert.ok(sample.exemplar.value <= bound, 'an exemplar is in its bucket')
        assert.ok(
          sample.exemplar.value > (bounds.at(-1) ?? -Infinity),
          'an exemplar is in its bucket',
        )
      }
      bounds.push(bound)
      last = sample.value
    } else if (sample.name === `${name}_count`) {
      assert.equal(bounds.at(-1), Infinity, 'there is a bucket +Inf')
      assert.equal(sample.value, last, 'the count is that of +Inf')
      bounds = []
      last = 0
    }
  }
}
