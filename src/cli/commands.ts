/** Every command and every flag. */

import { AUDIT } from './audit-flags.ts'
import { HEALTHCHECK, INSTALL, RELOAD } from './container-flags.ts'

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

const WHO = {
  subject: { type: 'string', value: 'NAME', about: 'Whose call it is: who.' },
  role: { type: 'string', multiple: true, value: 'ROLE', about: 'A role; repeat it for several.' },
  scope: { type: 'string', multiple: true, value: 'SCOPE', about: 'An OAuth scope; the same.' },
  organization: { type: 'string', value: 'NAME', about: 'The organisation.' },
} as const satisfies CommandDefinition['flags']

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
      'allow-unauthenticated': {
        type: 'boolean',
        about: 'Listen off loopback with auth.mode: off (auth.allowUnauthenticated).',
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
          'A header for the server at --upstream, such as its credential; ${NAME} or ${NAME:-value} reads a variable.',
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
  doctor: {
    about: 'Look at everything that a sidecar needs, and say what to do where it is not well.',
    usage: '(--upstream URL | --config FILE) [flags]',
    positionals: 0,
    flags: {
      upstream: UPSTREAM,
      config: CONFIG,
      listen: {
        type: 'string',
        value: 'ADDRESS',
        about: 'Where clients are to connect (listen.data). Default 127.0.0.1:8420.',
      },
      admin: {
        type: 'string',
        value: 'ADDRESS',
        about: 'Where the admin plane is to listen (listen.admin). Default 127.0.0.1:9464.',
      },
      json: { type: 'boolean', about: 'Print what was found as JSON.' },
    },
  },
  healthcheck: HEALTHCHECK,
  reload: RELOAD,
  install: INSTALL,
  top: {
    about: 'Show live what a running sidecar does: upstreams, alerts and tools.',
    usage: '[flags]',
    positionals: 0,
    flags: {
      url: {
        type: 'string',
        value: 'URL',
        about: 'Where its admin plane is. Default http://127.0.0.1:9464.',
      },
      'token-file': {
        type: 'string',
        value: 'FILE',
        about: 'A token with the permission read (auth.admin.tokens).',
      },
      window: { type: 'string', value: 'WINDOW', about: '1m, 5m, 1h or 24h. Default 5m.' },
      sort: { type: 'string', value: 'BY', about: 'p95, calls, errors or tokens. Default p95.' },
      once: { type: 'boolean', about: 'Print it once, and exit.' },
    },
  },
  audit: AUDIT,
  policy: {
    about: 'Say what the policy of a configuration allows, and why.',
    usage: 'explain --config FILE --tool NAME [flags]',
    positionals: 1,
    flags: {
      config: CONFIG,
      upstream: {
        type: 'string',
        value: 'NAME',
        about: 'The upstream. Default: the only one that there is.',
      },
      tool: { type: 'string', value: 'NAME', about: 'Ask about a tool,' },
      prompt: { type: 'string', value: 'NAME', about: 'or a prompt,' },
      resource: { type: 'string', value: 'URI', about: 'or a resource,' },
      method: { type: 'string', value: 'NAME', about: 'or a method of the protocol,' },
      path: { type: 'string', value: 'PATH', about: 'or a path, without its first slash.' },
      arguments: {
        type: 'string',
        value: 'JSON',
        about: 'The arguments of the call, for rules with conditions.',
      },
      token: {
        type: 'string',
        value: 'TOKEN',
        about: 'Whose call it is: the token is verified as the sidecar would.',
      },
      ...WHO,
    },
  },
  token: {
    about: 'Make a token for a sidecar with auth.mode: dev-hs256, for trying out.',
    usage: '--config FILE --subject NAME [flags]',
    positionals: 0,
    flags: {
      config: CONFIG,
      ...WHO,
      lifetime: {
        type: 'string',
        value: 'DURATION',
        about: 'How long it is valid, at most 24h. Default 1h.',
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

export const COMMAND_NAMES: readonly CommandName[] = [
  'run',
  'wrap',
  'check',
  'doctor',
  'healthcheck',
  'reload',
  'install',
  'top',
  'audit',
  'policy',
  'token',
  'demo',
]
