/** `sidelight check`: says whether a configuration file is valid, and what is wrong with it. */

import { formatProblems, parseConfig } from '../config/load.ts'
import { printConfig } from '../config/print.ts'
import { configJsonSchema } from '../config/schema.ts'
import { EXIT, type CommandContext } from './command.ts'
import type { FlagValues } from './flags.ts'
import { policyProblems } from './policy.ts'
import { readConfigFile } from './read-config-file.ts'

export async function checkCommand(
  flags: FlagValues,
  positionals: readonly string[],
  context: CommandContext,
): Promise<number> {
  if (flags['print-schema'] === true) {
    context.out(`${JSON.stringify(configJsonSchema(), null, 2)}\n`)
    return EXIT.ok
  }
  const file = positionals[0]
  if (file === undefined) {
    context.err('sidelight check: name the file to check: sidelight check FILE\n')
    return EXIT.usage
  }
  const text = await readConfigFile(file)
  if ('kind' in text) {
    context.err(`sidelight: ${text.message}\n`)
    return EXIT.usage
  }
  const result = parseConfig(text.source, context.env, policyProblems)
  if (result.kind === 'invalid') {
    context.err(`${formatProblems(file, result.problems)}\n`)
    return EXIT.failed
  }
  const count = Object.keys(result.config.upstreams).length
  context.out(
    flags['print-config'] === true
      ? printConfig(result.config)
      : `${file}: valid, ${count} ${count === 1 ? 'upstream' : 'upstreams'}\n`,
  )
  return EXIT.ok
}
