/**
 * Ends the servers' process groups when the sidecar dies without a chance to do so, as by SIGKILL.
 *
 * Node cannot ask the kernel for that, so a small shell waits on a pipe that only the sidecar can
 * write to: when the sidecar is gone, reading it ends, and the shell kills the groups it was told of.
 * It is started with the first server, in a session of its own, and goes when the pipe closes.
 */

import { spawn, type ChildProcess } from 'node:child_process'

/** How long servers get between SIGTERM and SIGKILL when the sidecar is gone. */
const GRACE_S = 2

const SCRIPT = `
groups=''
while read -r op pid; do
  case "$op" in
    +) groups="$groups $pid" ;;
    -) rest=''
       for one in $groups; do [ "$one" = "$pid" ] || rest="$rest $one"; done
       groups="$rest" ;;
  esac
done
[ -n "$groups" ] || exit 0
for one in $groups; do kill -TERM "-$one" 2>/dev/null; done
sleep ${GRACE_S}
for one in $groups; do kill -KILL "-$one" 2>/dev/null; done
`

export interface WatchdogOptions {
  /** Told when there is no shell: servers that ignore the end of their input may then survive a SIGKILL. */
  readonly onMissing: (code: string) => void
}

export class Watchdog {
  readonly #options: WatchdogOptions
  #shell: ChildProcess | undefined
  #missing = false

  constructor(options: WatchdogOptions) {
    this.#options = options
  }

  /** Starts the shell when it does not run. To be called before a server is started. */
  prepare(): void {
    if (!this.#missing && process.platform !== 'win32') this.#shell ??= this.#start()
  }

  /** A server leads the process group `pid`. */
  watch(pid: number): void {
    this.#tell(`+ ${pid}\n`)
  }

  /** The group has ended. */
  forget(pid: number): void {
    if (this.#shell !== undefined) this.#tell(`- ${pid}\n`)
  }

  /** Every group has ended: the shell may go. */
  close(): void {
    this.#shell?.stdin?.end()
    this.#shell = undefined
  }

  #tell(order: string): void {
    this.prepare()
    this.#shell?.stdin?.write(order)
  }

  #start(): ChildProcess {
    const shell = spawn('/bin/sh', ['-c', SCRIPT], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: '/usr/bin:/bin' },
      cwd: '/',
    })
    shell.on('error', (error: NodeJS.ErrnoException) => {
      this.#missing = true
      this.#options.onMissing(error.code ?? 'unknown')
    })
    shell.stdin.on('error', () => {})
    shell.unref()
    // A pipe of a child process keeps the event loop alive unless it is told not to.
    if ('unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref()
    return shell
  }
}
