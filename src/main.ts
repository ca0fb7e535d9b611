#!/usr/bin/env node
/** The composition root: the only file that touches the process's arguments, environment and signals. */

import { readFileSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { EXIT, type CommandContext, type ProgramFiles, type Run } from './cli/command.ts'
import type { CommandName } from './cli/commands.ts'
import { helpText, parseCommandLine } from './cli/flags.ts'
import type { ShortCommandName } from './cli/short-commands.ts'
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

/** Keys one by one, without an Enter; the terminal is as before when it is over. */
function readKeys(listener: (key: string) => void): () => void {
  const { stdin } = process
  const onData = (data: Buffer): void => {
    for (const key of data.toString('utf8')) listener(key)
  }
  const leave = (): void => void stdin.setRawMode(false)
  process.once('exit', leave)
  stdin.setRawMode(true)
  stdin.on('data', onData)
  return () => {
    process.off('exit', leave)
    leave()
    stdin.off('data', onData)
    stdin.pause()
  }
}

function readProgram(): ProgramFiles {
  const { report, platform, arch, execPath } = process
  // Addresses of the network are of no interest, and may take long to look up.
  if (report !== undefined) Object.assign(report, { excludeNetwork: true })
  const found: unknown = report?.getReport()
  const libraries: unknown =
    typeof found === 'object' && found !== null && 'sharedObjects' in found
      ? found.sharedObjects
      : []
  // Where it is installed, its name is a link.
  const script = realpathSync(process.argv[1] ?? '')
  return {
    platform,
    processor: arch,
    node: execPath,
    libraries: Array.isArray(libraries) ? libraries.map(String) : [],
    package: path.dirname(path.dirname(script)),
    script,
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
    terminal: stdout.isTTY
      ? {
          columns: () => stdout.columns,
          rows: () => stdout.rows,
          onKey: process.stdin.isTTY ? readKeys : undefined,
        }
      : undefined,
    program: readProgram,
  }
}

/** Each is loaded when it is needed, the short ones together. */
const COMMANDS: Readonly<Record<CommandName, Run>> = {
  run: async (flags, _, context) => {
    // Heard from here on: the first process of a container gets no signal that it has not asked for, and
    // a pod that is deleted at once would wait until it is killed.
    void context.stopped
    // What a hang-up asks for is about to be read anyway; without a listener it would end the process.
    context.onHangup(() => {})
    return (await import('./cli/run.ts')).runCommand(flags, context)
  },
  wrap: async (...given) => (await import('./cli/wrap.ts')).wrapCommand(...given),
  healthcheck: async (flags, _, context) =>
    (await import('./cli/healthcheck.ts')).healthcheckCommand(flags, context),
  check: short('check'),
  doctor: short('doctor'),
  reload: short('reload'),
  install: short('install'),
  top: short('top'),
  audit: short('audit'),
  policy: short('policy'),
  token: short('token'),
  demo: short('demo'),
}

function short(name: ShortCommandName): Run {
  return async (...given) =>
    (await import('./cli/short-commands.ts')).SHORT_COMMANDS[name](...given)
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
  return COMMANDS[name](flags, positionals, context)
}

/** What may still hold the process, such as an export that hangs, gets this long after the end. */
const LINGER_MS = 250

process.exitCode = await main(process.argv.slice(2))
// With nothing left to do, Node 26 still closes handles, and now and then spins for ever over one of them.
process.on('exit', () => process.exit())
setTimeout(() => process.exit(), LINGER_MS).unref()
