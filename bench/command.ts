/** What every benchmark's command does with its arguments and its result. */

import { readOptions, type Catalogue, type Options } from './options.ts'
import { formatRequirement, save } from './report.ts'
import type { Requirement } from './summary.ts'

/** Reads the arguments, measures, prints and saves. Resolves to the exit code. */
export async function runBenchmark<T extends string>(
  catalogue: Catalogue<T>,
  measure: (options: Options<T>, startedAt: Date) => Promise<{ readonly requirement: Requirement }>,
): Promise<number> {
  const startedAt = new Date()
  const today = startedAt.toISOString().slice(0, 10)
  const parsed = readOptions(process.argv.slice(2), today, catalogue)
  if (parsed.kind === 'help') {
    console.log(parsed.text)
    return 0
  }
  if (parsed.kind === 'problem') {
    console.error(`bench: ${parsed.message}`)
    return 2
  }
  const { options } = parsed
  const result = await measure(options, startedAt)
  console.log(`\n${formatRequirement(result.requirement)}`)
  if (options.out !== undefined) save(result, options.out)
  return options.assert && result.requirement.verdict !== 'pass' ? 1 : 0
}
