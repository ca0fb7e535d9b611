#!/usr/bin/env node
/** The composition root: the only file that touches the process's arguments, environment and signals. */

import { readFileSync } from 'node:fs'
import { checkCommand } from './cli/check.ts'
import { EXIT, type CommandContext } from './cli/command.ts'
import { helpText, parseCommandLine } from './cli/flags.ts'
import { systemClock } from './core/clock.ts'

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const manifest: unknown = JSON.parse(text)
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : '0.0.0'
}

/** Resolves at the first signal to stop; the second ends the process at once. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let signalled = false
    const onSignal = (signal: NodeJS.Signals): void => {
      if (signalled) process.exit(128 + (signal === 'SIGINT' ? 2 : 15))
      signalled = true
      resolve(signal)
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
}

/** What may wait for a reader of the log that has stopped reading; more is left out. */
const LOG_BYTES_MAX = 1024 * 1024

/**
 * Writes to standard error as long as somebody reads it. A log that nobody reads any more, or that is
 * read too slowly, must neither end the process nor fill its memory.
 */
function createErrorWriter(): (text: string) => void {
  const { stderr } = process
  let closed = false
  let left = 0
  stderr.on('error', () => {
    closed = true
  })
  return (text) => {
    if (closed) return
    if (stderr.writableLength > LOG_BYTES_MAX) {
      left += 1
      return
    }
    if (left > 0) stderr.write(`${left} log records were left out: they were not read in time\n`)
    left = 0
    stderr.write(text)
  }
}

function createContext(): CommandContext {
  const { stdout } = process
  const err = createErrorWriter()
  stdout.on('error', () => {})
  let stopped: Promise<NodeJS.Signals> | undefined
  return {
    env: process.env,
    version: readVersion(),
    clock: systemClock,
    out: (text) => void stdout.write(text),
    stdin: () => process.stdin,
    stdout: () => stdout,
    err,
    // Signals are taken only by commands that wait for them.
    get stopped() {
      stopped ??= firstSignal()
      return stopped
    },
    onHangup: (listener) => void process.on('SIGHUP', listener),
    terminal: stdout.isTTY ? { columns: () => stdout.columns, rows: () => stdout.rows } : undefined,
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const context = createContext()
  const invocation = parseCommandLine(argv)
  switch (invocation.kind) {
    case 'help':
      context.out(helpText(invocation.name))
      return EXIT.ok
    case 'version':
      context.out(`sidelight ${context.version}\n`)
      return EXIT.ok
    case 'usage_error':
      context.err(`${invocation.message}\n`)
      return EXIT.usage
    case 'command':
      break
  }
  const { name, flags, positionals } = invocation
  if (name === 'check') return checkCommand(flags, positionals, context)
  // The larger commands are loaded when they are needed.
  if (name === 'demo') {
    const { demoCommand } = await import('./cli/demo.ts')
    return demoCommand(flags, context)
  }
  if (name === 'wrap') {
    const { wrapCommand } = await import('./cli/wrap.ts')
    return wrapCommand(flags, positionals, context)
  }
  if (name === 'doctor') {
    const { doctorCommand } = await import('./cli/doctor.ts')
    return doctorCommand(flags, context)
  }
  if (name === 'audit') {
    const { auditCommand } = await import('./cli/audit-command.ts')
    return auditCommand(flags, positionals, context)
  }
  if (name === 'policy') {
    const { policyCommand } = await import('./cli/policy-explain.ts')
    return policyCommand(flags, positionals, context)
  }
  if (name === 'token') {
    const { tokenCommand } = await import('./cli/token.ts')
    return tokenCommand(flags, context)
  }
  const { runCommand } = await import('./cli/run.ts')
  return runCommand(flags, context)
}

/** What may still hold the process, such as an export that hangs, gets this long after the end. */
const LINGER_MS = 250

process.exitCode = await main(process.argv.slice(2))
setTimeout(() => process.exit(), LINGER_MS).unref()
