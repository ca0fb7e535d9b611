/**
 * One MCP server as a child process, spoken to in lines (MCP stdio transport).
 *
 * It leads a process group of its own, so that whatever it starts ends with it. The command comes
 * from the operator's configuration; no shell reads it, and nothing of it ever comes from a client.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import type { Writable } from 'node:stream'
import type { Clock } from '../../core/clock.ts'
import { LineSplitter, type LineSink } from '../../mcp/line-splitter.ts'
import { drainStderr } from './drain-stderr.ts'
import { groupLives } from './group-lives.ts'
import { LineWriter } from '../../mcp/line-writer.ts'
import type { Watchdog } from './watchdog.ts'

export interface ServerCommand {
  readonly file: string
  readonly args: readonly string[]
  /** The whole environment of the process. */
  readonly env: Readonly<Record<string, string>>
  /** Working directory; the sidecar's own when undefined. */
  readonly cwd: string | undefined
}

export interface ProcessOptions {
  readonly command: ServerCommand
  /** `lines`: standard error is handed on in lines; `inherit`: it is the sidecar's own. */
  readonly stderr: 'lines' | 'inherit'
  readonly watchdog: Watchdog | undefined
  readonly clock: Clock
}

/** How a process ended. */
export interface ProcessEnd {
  /** Exit code; undefined when a signal ended it or it never ran. */
  readonly code: number | undefined
  readonly signal: string | undefined
  /** Error code of a start that failed, such as ENOENT. */
  readonly spawnError: string | undefined
  /** True when we asked it to end. */
  readonly asked: boolean
  readonly uptimeMs: number
}

export interface ProcessSink extends LineSink {
  /** A line of standard error, cut to `STDERR_BYTES_MAX`. */
  stderr(text: string): void
  /** Told once; no line follows. */
  exited(end: ProcessEnd): void
}

/** Told of an error when the bytes could not be handed over. */
export type Written = (error?: Error | null) => void

/** What the process wrote before it ended is read for so long; a grandchild may hold the pipe open. */
const LAST_OUTPUT_MS = 50

/** A server that has closed its output may take so long to end by itself. */
const CLOSING_MS = 500

/** After its input ended, and again after SIGTERM, a server gets so long to end by itself. */
const GRACE_MS = 2_000

/** How often a group that was sent SIGKILL is looked at until it is gone. */
const GONE_EVERY_MS = 50
const GONE_LOOKS_MAX = 100

export class ServerProcess {
  readonly pid: number | undefined
  readonly #child: ChildProcess | undefined
  readonly #stdin: Writable | null
  readonly #input: LineWriter | undefined
  readonly #options: ProcessOptions
  readonly #startedMs: number
  readonly #timers: NodeJS.Timeout[] = []
  #sink: ProcessSink | undefined
  #lines: LineSplitter | undefined
  #spawnError: string | undefined
  #exit: { code: number | undefined; signal: string | undefined } | undefined
  #asked = false
  #closing = false
  #over = false
  #onOver: (() => void)[] = []

  /** Starts it. Nothing that it writes is read before `listen`. */
  constructor(options: ProcessOptions) {
    const { command } = options
    this.#options = options
    this.#startedMs = options.clock.monotonicMs()
    // Whoever starts first must be able to end the other.
    options.watchdog?.prepare()
    this.#child = this.#spawn(command)
    this.pid = this.#child?.pid
    this.#stdin = this.#child?.stdin ?? null
    this.#input = this.#stdin === null ? undefined : new LineWriter(this.#stdin)
    if (this.pid !== undefined) options.watchdog?.watch(this.pid)
    if (this.#child !== undefined) this.#follow(this.#child)
  }

  /**
   * Hears what it says, from its first byte on; lines longer than `lineBytesMax` are not kept. To be
   * called once.
   */
  listen(lineBytesMax: number, sink: ProcessSink): void {
    this.#sink = sink
    const lines = new LineSplitter(lineBytesMax, sink)
    this.#lines = lines
    if (this.#child !== undefined) this.#read(this.#child, lines, sink)
    if (this.#spawnError !== undefined) setImmediate(() => this.#end())
    else if (this.#exit !== undefined) this.#exited()
  }

  /** True until the end has been told. */
  get alive(): boolean {
    return !this.#over
  }

  /** True when it was asked to end. */
  get ending(): boolean {
    return this.#asked
  }

  get uptimeMs(): number {
    return this.#options.clock.monotonicMs() - this.#startedMs
  }

  /**
   * Writes one line, with or without its line feed. `written` is told when the process has taken it, or
   * that it never will.
   */
  write(line: Buffer, written?: Written): void {
    if (this.#stdin?.writable === true) this.#input?.write(line, written)
    else if (written !== undefined) process.nextTick(written, new Error('the process is gone'))
  }

  /** Bytes that wait for the process to read them. */
  get backlogBytes(): number {
    return this.#stdin?.writableLength ?? 0
  }

  /** Calls back each time when it has read all that waited. */
  onRelief(relieved: () => void): void {
    this.#stdin?.on('drain', relieved)
  }

  /** Stops reading what it writes; it will block when its pipe is full. */
  pause(): void {
    this.#child?.stdout?.pause()
  }

  resume(): void {
    this.#child?.stdout?.resume()
  }

  /**
   * Ends it as MCP says (stdio, "Shutdown"): its input is closed, then SIGTERM, then SIGKILL, both to
   * the whole group. Resolves when it has ended.
   */
  stop(): Promise<void> {
    if (this.#sink === undefined) this.listen(0, NOBODY)
    const ended = this.#whenOver()
    if (this.#asked || this.#over) return ended
    this.#asked = true
    this.#stdin?.end()
    this.#after(GRACE_MS, () => this.#signal('SIGTERM'))
    this.#after(2 * GRACE_MS, () => this.#signal('SIGKILL'))
    return ended
  }

  #whenOver(): Promise<void> {
    if (this.#over) return Promise.resolve()
    return new Promise((resolve) => this.#onOver.push(resolve))
  }

  #follow(child: ChildProcess): void {
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (this.pid === undefined) this.#failed(error)
    })
    child.on('exit', (code, signal) => {
      this.#exit = { code: code ?? undefined, signal: signal ?? undefined }
      if (this.#sink !== undefined) this.#exited()
    })
    child.stdin?.on('error', () => this.#closedAnEnd())
    child.stdin?.on('close', () => this.#closedAnEnd())
  }

  #read(child: ChildProcess, lines: LineSplitter, sink: ProcessSink): void {
    const { stdout, stderr } = child
    stdout?.on('data', (chunk: Buffer) => lines.write(chunk))
    stdout?.on('error', () => {})
    stdout?.on('end', () => this.#closedAnEnd())
    const lastWords = stderr === null ? () => {} : drainStderr(stderr, sink)
    child.on('close', () => {
      lastWords()
      this.#end()
    })
  }

  /** Some errors come as events and some are thrown; both are ways not to start. */
  #spawn(command: ServerCommand): ChildProcess | undefined {
    try {
      return spawn(command.file, [...command.args], {
        cwd: command.cwd,
        env: { ...command.env },
        detached: true,
        stdio: ['pipe', 'pipe', this.#options.stderr === 'lines' ? 'pipe' : 'inherit'],
        windowsHide: true,
      })
    } catch (error) {
      this.#failed(error instanceof Error ? error : new Error(String(error)))
      return undefined
    }
  }

  #failed(error: NodeJS.ErrnoException): void {
    this.#spawnError = error.code ?? error.name
    if (this.#sink !== undefined) this.#end()
  }

  /**
   * A server that lives on without its input or its output serves nobody: it is ended, and what waits
   * for it fails. When it is just ending by itself, that is told in a moment.
   */
  #closedAnEnd(): void {
    if (this.#asked || this.#over || this.#closing) return
    this.#closing = true
    this.#after(CLOSING_MS, () => {
      if (this.#exit !== undefined || this.#over) return
      this.#end()
      this.#signal('SIGTERM')
      this.#after(GRACE_MS, () => this.#signal('SIGKILL'))
    })
  }

  #exited(): void {
    // What it started must not outlive it, and would hold its pipes open.
    this.#signal('SIGTERM')
    this.#after(LAST_OUTPUT_MS, () => this.#end())
    this.#after(GRACE_MS, () => this.#signal('SIGKILL'))
  }

  #end(): void {
    if (this.#over) return
    this.#lines?.end()
    this.#over = true
    if (this.pid === undefined || !groupLives(this.pid)) this.#settleGroup()
    this.#stopReading()
    this.#sink?.exited({
      ...(this.#exit ?? NO_EXIT),
      spawnError: this.#spawnError,
      asked: this.#asked,
      uptimeMs: this.uptimeMs,
    })
    for (const tell of this.#onOver) tell()
    this.#onOver = []
  }

  /** A grandchild may hold the pipe open; what it still writes is nobody's. */
  #stopReading(): void {
    this.#child?.stdout?.removeAllListeners('data')
    this.#child?.stdout?.resume()
  }

  /** Nothing of the group is left to be signalled. */
  #settleGroup(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    if (this.pid !== undefined) this.#options.watchdog?.forget(this.pid)
  }

  #after(ms: number, run: () => void): void {
    this.#timers.push(setTimeout(run, ms))
  }

  /** After SIGKILL a group takes a moment to go; until then it must not be forgotten. */
  #watchItGo(looks: number): void {
    if (this.pid === undefined) return
    if (looks === 0 || !groupLives(this.pid)) return this.#settleGroup()
    this.#after(GONE_EVERY_MS, () => this.#watchItGo(looks - 1))
  }

  #signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.pid === undefined) return
    try {
      // Windows has no process groups; there the process alone is ended.
      if (process.platform === 'win32') this.#child?.kill(signal)
      else process.kill(-this.pid, signal)
    } catch {
      // Nothing of the group is left.
    }
    if (signal === 'SIGKILL') this.#watchItGo(GONE_LOOKS_MAX)
  }
}

/** For a process that is ended before anybody wanted to hear it. */
const NOBODY: ProcessSink = { line: () => {}, stderr: () => {}, exited: () => {} }

const NO_EXIT = { code: undefined, signal: undefined }
