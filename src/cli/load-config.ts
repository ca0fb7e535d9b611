/** Reads and checks a configuration file for the commands that look at one. */

import { formatProblems, parseConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { EXIT, type CommandContext } from './command.ts'
import { policyProblems } from './policy.ts'
import { readConfigFile } from './read-config-file.ts'

/** The configuration; or the exit code, when what is wrong has been said. */
export async function loadConfig(file: string, context: CommandContext): Promise<Config | number> {
  const text = await readConfigFile(file)
  if ('kind' in text) {
    context.err(`sidelight: ${text.message}\n`)
    return EXIT.usage
  }
  const result = parseConfig(text.source, context.env, policyProblems)
  if (result.kind === 'config') return result.config
  context.err(`${formatProblems(file, result.problems)}\n`)
  return EXIT.usage
}
