import type { CommandContext } from './command.ts'
import type { FlagValues } from './flags.ts'
export async function demoCommand(_flags: FlagValues, _context: CommandContext): Promise<number> {
  return 0
}
