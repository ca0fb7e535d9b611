/** What every benchmark's command does with its arguments and its result. */

import { readOptions, type Catalogue, type Options } from './options.ts'
import { formatRequirement, save } from './report.ts'
import type { Requirement } from './summary.ts'

/** What came of a command that could be carried out. */
export interface Measurement<R> {
  readonly kind: 'measured'
  readonly result: R
  /** Shapes that could not be measured. */
  readonly failed: readonly string[]
}

export interface Problem {
  readonly kind: 'problem'
  readonly message: string
}

/** Reads the arguments, measures, prints and saves. Resolves to the exit code. */
export async function runBenchmark<T extends string>(
  catalogue: Catalogue<T>,
  measure: (
    options: Options<T>,
    startedAt: Date,
  ) => Promise<Measurement<{ readonly requirement: Requirement }> | Problem>,
): Promise<number> {
  const startedAt = new Date()
  const today = startedAt.toISOString().slice(0, 10)
  const parsed = readOptions(process.argv.slice(2), today, catalogue)
  if (parsed.kind === 'help') {
    console.log(parsed.text)
    return 0
  }
  if (parsed.kind === 'problem') return refuse(parsed.message)
  const { options } = parsed
  const measured = await measure(options, startedAt)
  if (measured.kind === 'problem') return refuse(measured.message)
  const { result, failed } = measured
  console.log(`\n${formatRequirement(result.requirement)}`)
  if (options.out !== undefined) save(result, options.out)
  if (failed.length > 0) console.error(`not measured: ${failed.join(', ')}`)
  const refused = options.assert && result.requirement.verdict !== 'pass'
  return refused || failed.length > 0 ? 1 : 0
}

function refuse(message: string): number {
  console.error(`bench: ${message}`)
  return 2
}
