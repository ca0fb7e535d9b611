/**
 * The commands beside `run`, `wrap` and `healthcheck`, which start in pods and at every look at their health.
 * They are loaded together: the fewer parts of the program are loaded apart, the fewer files it consists of.
 */

import { auditCommand } from './audit-command.ts'
import { checkCommand } from './check.ts'
import type { Run } from './command.ts'
import { demoCommand } from './demo.ts'
import { doctorCommand } from './doctor.ts'
import { installCommand } from './install.ts'
import { policyCommand } from './policy-explain.ts'
import { reloadCommand } from './reload-command.ts'
import { tokenCommand } from './token.ts'
import { topCommand } from './top.ts'

export const SHORT_COMMANDS = {
  check: checkCommand,
  doctor: (flags, _, context) => doctorCommand(flags, context),
  reload: (flags, _, context) => reloadCommand(flags, context),
  install: installCommand,
  top: (flags, _, context) => topCommand(flags, context),
  audit: auditCommand,
  policy: policyCommand,
  token: (flags, _, context) => tokenCommand(flags, context),
  demo: (flags, _, context) => demoCommand(flags, context),
} as const satisfies Readonly<Record<string, Run>>

export type ShortCommandName = keyof typeof SHORT_COMMANDS
