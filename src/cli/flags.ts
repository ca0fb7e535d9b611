/** The command line: every command, every flag, and the help that is made from them. */

import { parseArgs } from 'node:util'
import { nearest } from '../config/nearest.ts'

export interface FlagDefinition {
  readonly type: 'string' | 'boolean'
  readonly multiple?: boolean
  readonly short?: string
  /** What stands for the value in the help. */
  readonly value?: string
  readonly about: string
}

export interface CommandDefinition {
  readonly about: string
  /** Shown after the command's name. */
  readonly usage: string
  readonly positionals: number
  readonly flags: Readonly<Record<string, FlagDefinition>>
}

const UPSTREAM: FlagDefinition = {
  type: 'string',
  multiple: true,
  value: '[NAME=]URL',
  about: 'An MCP server to put Sidelight in front of. Repeat it with names for several.',
}

const CONFIG: FlagDefinition = {
  type: 'string',
  short: 'c',
  value: 'FILE',
  about: 'Read the configuration from a YAML file.',
}

export const COMMANDS = {
  run: {
    about: 'Run the sidecar in front of one or more MCP servers.',
    usage: '(--upstream URL | --config FILE) [flags]',
    positionals: 0,
    flags: {
      upstream: UPSTREAM,
      config: CONFIG,
      listen: {
        type: 'string',
        value: 'ADDRESS',
        about: 'Where clients connect (listen.data). Default 127.0.0.1:8420.',
      },
      admin: {
        type: 'string',
        value: 'ADDRESS',
        about:
          'Where health and metrics are served (listen.admin), or off. Default 127.0.0.1:9464.',
      },
      'log-level': {
        type: 'string',
        value: 'LEVEL',
        about: 'debug, info, warn or error (log.level). Default info.',
      },
      'log-format': {
        type: 'string',
        value: 'FORMAT',
        about: 'json or text (log.format). Default json.',
      },
      'print-config': {
        type: 'boolean',
        about: 'Print the effective configuration, secrets masked, and exit.',
      },
    },
  },
  wrap: {
    about: 'Stand between an MCP client that starts its servers itself and one server.',
    usage: '[flags] -- COMMAND [ARGUMENTS] | --upstream URL [flags]',
    positionals: Infinity,
    flags: {
      upstream: {
        type: 'string',
        value: 'URL',
        about: 'In place of a command: a Streamable HTTP server for clients that only speak stdio.',
      },
      name: {
        type: 'string',
        value: 'NAME',
        about: 'Name of the server in telemetry. Default: from the command or the host.',
      },
      header: {
        type: 'string',
        multiple: true,
        value: 'NAME=VALUE',
        about:
          'A header for the server at --upstream, such as its credential; ${NAME} reads a variable.',
      },
      admin: {
        type: 'string',
        value: 'ADDRESS',
        about: 'Serve health and metrics here. Default off.',
      },
      'log-level': {
        type: 'string',
        value: 'LEVEL',
        about: 'debug, info, warn or error (log.level). Default warn.',
      },
      'log-format': {
        type: 'string',
        value: 'FORMAT',
        about: 'json or text (log.format). Default json.',
      },
    },
  },
  check: {
    about: 'Validate a configuration file.',
    usage: 'FILE [flags]',
    positionals: 1,
    flags: {
      'print-config': {
        type: 'boolean',
        about: 'Also print the effective configuration, secrets masked.',
      },
      'print-schema': {
        type: 'boolean',
        about: 'Print the JSON Schema of the configuration, for editors.',
      },
    },
  },
  demo: {
    about: 'Start two real MCP servers, the sidecar and agents, and show their calls live.',
    usage: '[flags]',
    positionals: 0,
    flags: {
      listen: {
        type: 'string',
        value: 'ADDRESS',
        about: 'Where the sidecar listens. Default 127.0.0.1:8420.',
      },
      admin: {
        type: 'string',
        value: 'ADDRESS',
        about: 'Where the admin plane listens. Default 127.0.0.1:9464.',
      },
      rate: {
        type: 'string',
        value: 'N',
        about: 'Calls per second that the agents make, 1 to 200. Default 4.',
      },
      duration: {
        type: 'string',
        value: 'DURATION',
        about: 'Stop by itself after this long, such as 30s.',
      },
      plain: { type: 'boolean', about: 'Print plain lines even on a terminal.' },
    },
  },
} as const satisfies Readonly<Record<string, CommandDefinition>>

export type CommandName = keyof typeof COMMANDS

export const COMMAND_NAMES: readonly CommandName[] = ['run', 'wrap', 'check', 'demo']

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
    ([command, { about }]) => `  ${command.padEnd(8)}${about}`,
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
