/** The commands that images and init containers call. */

import type { CommandDefinition } from './commands.ts'

export const HEALTHCHECK = {
  about: 'Ask a sidecar on this machine whether it is well: exit code 0, or 1.',
  usage: '[flags]',
  positionals: 0,
  flags: {
    config: {
      type: 'string',
      short: 'c',
      value: 'FILE',
      about: 'Take the address from this file (listen.admin); it may be missing.',
    },
    admin: {
      type: 'string',
      value: 'ADDRESS',
      about: 'Where the admin plane listens. Default 127.0.0.1:9464.',
    },
    ready: {
      type: 'boolean',
      about: 'Ask whether it takes calls (/readyz), not just whether it lives (/healthz).',
    },
    'token-file': {
      type: 'string',
      value: 'FILE',
      about: 'A token with the permission read, where auth.admin.open leaves out health.',
    },
  },
} as const satisfies CommandDefinition

export const RELOAD = {
  about: 'Order a sidecar on this machine to read its file again: exit code 0, or 1.',
  usage: '[flags]',
  positionals: 0,
  flags: {
    config: HEALTHCHECK.flags.config,
    admin: HEALTHCHECK.flags.admin,
    'token-file': {
      type: 'string',
      value: 'FILE',
      about: 'A token with the permission control, where auth.admin names any.',
    },
  },
} as const satisfies CommandDefinition

export const INSTALL = {
  about: 'Copy the program, its Node and their libraries into a directory (Linux).',
  usage: 'DIR [flags]',
  positionals: 1,
  flags: {
    at: {
      type: 'string',
      value: 'DIR',
      about: 'Where the directory will be when it is used. Default: where it is now.',
    },
  },
} as const satisfies CommandDefinition
