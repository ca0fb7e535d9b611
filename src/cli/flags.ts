/** Reads the command line, and makes the help from the list of commands. */

import { parseArgs } from 'node:util'
import { nearest } from '../core/nearest.ts'
import { COMMAND_NAMES, COMMANDS, type CommandDefinition, type CommandName } from './commands.ts'

export type FlagValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

export type Invocation =
  | {
      readonly kind: 'command'
      readonly name: CommandName
      readonly flags: FlagValues
      readonly positionals: readonly string[]
    }
  | { readonly kind: 'help'; readonly name: CommandName | undefined }
  | { readonly kind: 'version' }
  | { readonly kind: 'usage_error'; readonly message: string }

export function parseCommandLine(argv: readonly string[]): Invocation {
  const [first, ...rest] = argv
  if (first === undefined || first === 'help' || first === '--help' || first === '-h') {
    return { kind: 'help', name: rest[0] === undefined ? undefined : toCommandName(rest[0]) }
  }
  if (first === '--version' || first === '-V' || first === 'version') return { kind: 'version' }
  const name = toCommandName(first)
  if (name === undefined) return { kind: 'usage_error', message: unknownCommand(first) }
  return parseFlags(name, rest)
}

function parseFlags(name: CommandName, args: readonly string[]): Invocation {
  const definition: CommandDefinition = COMMANDS[name]
  const options = { ...optionsOf(definition), help: { type: 'boolean', short: 'h' } as const }
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const flags: Record<string, string | boolean | string[]> = {}
  const positionals: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    if (token.name === 'help') return { kind: 'help', name }
    // A flag after the first argument belongs to a command that -- should stand before.
    if (positionals.length > 0 && definition.positionals === Infinity) {
      const message = `sidelight ${name}: put -- before the command: sidelight ${name} [flags] -- ${positionals.join(' ')} ...`
      return { kind: 'usage_error', message }
    }
    const problem = addFlag(flags, token, definition, name)
    if (problem !== undefined) return { kind: 'usage_error', message: problem }
  }
  const extra = positionals[definition.positionals]
  if (extra !== undefined) {
    return {
      kind: 'usage_error',
      message: `sidelight ${name}: unexpected argument ${JSON.stringify(extra)}`,
    }
  }
  return { kind: 'command', name, flags, positionals }
}

interface OptionToken {
  readonly name: string
  readonly rawName: string
  readonly value: string | undefined
  readonly inlineValue: boolean | undefined
}

function addFlag(
  flags: Record<string, string | boolean | string[]>,
  token: OptionToken,
  definition: CommandDefinition,
  command: CommandName,
): string | undefined {
  const flag = new Map(Object.entries(definition.flags)).get(token.name)
  if (flag === undefined) return describeUnknownFlag(token, definition, command)
  if (flag.type === 'boolean') {
    if (token.value !== undefined) return `sidelight ${command}: ${token.rawName} takes no value`
    flags[token.name] = true
    return undefined
  }
  if (token.value === undefined || token.value === '' || isSwallowedFlag(token)) {
    return `sidelight ${command}: ${token.rawName} needs a value: ${token.rawName} ${flag.value ?? 'VALUE'}`
  }
  const before = flags[token.name]
  if (before !== undefined && flag.multiple !== true) {
    return `sidelight ${command}: ${token.rawName} is given twice`
  }
  flags[token.name] =
    flag.multiple === true ? [...(Array.isArray(before) ? before : []), token.value] : token.value
  return undefined
}

function describeUnknownFlag(
  token: OptionToken,
  definition: CommandDefinition,
  command: CommandName,
): string {
  const near = nearest(token.name, Object.keys(definition.flags))
  const hint = near === undefined ? `see sidelight ${command} --help` : `did you mean --${near}?`
  return `sidelight ${command}: unknown flag ${token.rawName}; ${hint}`
}

/** `--upstream --admin off`: what follows is the next flag, not a value. */
function isSwallowedFlag(token: OptionToken): boolean {
  return token.inlineValue !== true && /^-./.test(token.value ?? '')
}

function optionsOf(
  definition: CommandDefinition,
): Record<string, { type: 'string' | 'boolean'; short?: string; multiple?: boolean }> {
  return Object.fromEntries(
    Object.entries(definition.flags).map(([name, { type, short }]) => [
      name,
      short === undefined ? { type, multiple: true } : { type, short, multiple: true },
    ]),
  )
}

function toCommandName(word: string): CommandName | undefined {
  return COMMAND_NAMES.find((name) => name === word)
}

function unknownCommand(word: string): string {
  const names = Object.keys(COMMANDS)
  const near = nearest(word, names)
  const hint = near === undefined ? `commands: ${names.join(', ')}` : `did you mean ${near}?`
  return `sidelight: unknown command ${JSON.stringify(word)}; ${hint}`
}

/** The help of the program, or of one command. */
export function helpText(name: CommandName | undefined): string {
  if (name !== undefined) return commandHelp(name, COMMANDS[name])
  const rows = Object.entries(COMMANDS).map(
    ([command, { about }]) => `  ${command.padEnd(13)}${about}`,
  )
  return `Sidelight: the OpenTelemetry-native observability sidecar for MCP.

Usage: sidelight COMMAND [flags]

${rows.join('\n')}

  --version   Print the version.
  --help      Print this help, or that of a command: sidelight run --help.
`
}

function commandHelp(name: string, definition: CommandDefinition): string {
  const rows = Object.entries(definition.flags).map(([flag, { short, value, about }]) => {
    const left = `${short === undefined ? '    ' : `-${short}, `}--${flag}${value === undefined ? '' : ` ${value}`}`
    return `  ${left.padEnd(28)}${about}`
  })
  return `${definition.about}

Usage: sidelight ${name} ${definition.usage}

${rows.join('\n')}
  ${'-h, --help'.padEnd(28)}Print this help.
`
}
