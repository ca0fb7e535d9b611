/** Reads metrics in Prometheus text format, as served by the admin plane. */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export class Metrics {
  readonly text: string
  readonly samples: readonly Sample[]

  constructor(text: string) {
    this.text = text
    this.samples = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map(parseSample)
  }

  /** The sum of all samples of a name whose labels include the given ones; 0 when there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.find(name, labels).reduce((sum, sample) => sum + sample.value, 0)
  }

  find(name: string, labels: Readonly<Record<string, string>> = {}): readonly Sample[] {
    return this.samples.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )
  }
}

function parseSample(line: string): Sample {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
  if (match === null) throw new Error(`no line of the Prometheus text format: ${line}`)
  const labels: Record<string, string> = {}
  for (const [, key = '', value = ''] of (match[2] ?? '').matchAll(
    /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g,
  )) {
    labels[key] = value.replaceAll(/\\(.)/g, (_all, c: string) => (c === 'n' ? '\n' : c))
  }
  return { name: match[1] ?? '', labels, value: Number(match[3]) }
}
