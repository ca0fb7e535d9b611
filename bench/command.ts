/** What every benchmark's command does with its arguments and its result. */

import { readOptions, type Catalogue, type Options } from './options.ts'
import { formatRequirement, save } from './report.ts'
import type { Requirement } from './summary.ts'

interface Result {
  readonly requirement: Requirement
  /** Shapes that could not be measured. */
  readonly missing?: readonly string[]
}

/** Reads the arguments, measures, prints and saves. Resolves to the exit code. */
export async function runBenchmark<T extends string>(
  catalogue: Catalogue<T>,
  measure: (
    options: Options<T>,
    startedAt: Date,
  ) => Promise<Result | { readonly kind: 'problem'; readonly message: string }>,
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
  const result = await measure(options, startedAt)
  if ('kind' in result) return refuse(result.message)
  console.log(`\n${formatRequirement(result.requirement)}`)
  if (options.out !== undefined) save(result, options.out)
  const { missing = [] } = result
  if (missing.length > 0) console.error(`not measured: ${missing.join(', ')}`)
  const failed = options.assert && result.requirement.verdict !== 'pass'
  return failed || missing.length > 0 ? 1 : 0
}

function refuse(message: string): number {
  console.error(`bench: ${message}`)
  return 2
}
