/**
 * Servers over standard streams whose every byte a test decides: real processes, started by whoever
 * is tested, that show the test what they read and write what it tells them to.
 */

import { createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseJson } from './json.ts'
import { readFrames, writeFrame, type FrameKind } from './puppet-frames.ts'
import { closeAfterTest } from './scope.ts'
import { signal, SOON, waitFor } from './wait-for.ts'

const PROGRAM = fileURLToPath(new URL('puppet-process.ts', import.meta.url))

/** Loading Node on a busy machine. */
const START_WITHIN = 15_000

/** What a process says of itself when it starts. */
interface Hello {
  readonly pid: number
  readonly ppid: number
  readonly env: Readonly<Record<string, string>>
  readonly argv: readonly string[]
  readonly cwd: string
}

export interface PuppetsOptions {
  /** Called for each line that a process reads, without its line feed. */
  readonly onLine?: (line: Buffer, puppet: Puppet) => void
  /** When its input ends; without it the process ends with 0, as servers should. */
  readonly onInputEnd?: (puppet: Puppet) => void
}

export class Puppets {
  /** The command that starts one. */
  readonly command: readonly string[]
  readonly all: Puppet[] = []

  constructor(port: number, args: readonly string[]) {
    this.command = [process.execPath, PROGRAM, String(port), ...args]
  }

  /** Waits for the process with this index. */
  puppet(index = 0): Promise<Puppet> {
    return waitFor(() => this.all[index], {
      within: START_WITHIN,
      what: `server process ${index} to start`,
    })
  }
}

export class Puppet {
  readonly hello: Hello
  readonly lines: Buffer[] = []
  /** Lines written by an order to produce that have been taken by the reader. */
  produced = 0
  inputEnded = false
  /** Signals that it was sent and survived. */
  signals = 0
  gone = false
  readonly #socket: Socket
  readonly #options: PuppetsOptions
  #partial: Buffer = Buffer.alloc(0)
  #grandchild = signal<number>()
  #wrote = signal()

  constructor(socket: Socket, hello: Hello, options: PuppetsOptions) {
    this.#socket = socket
    this.hello = hello
    this.#options = options
  }

  get pid(): number {
    return this.hello.pid
  }

  /** The line with this index. */
  line(index: number): Promise<Buffer> {
    return waitFor(() => this.lines[index], { within: SOON, what: `line ${index} at the server` })
  }

  /** Bytes on standard output, exactly. */
  write(bytes: string | Buffer): void {
    this.#order('stdout', bytes)
  }

  /** A message on standard output. */
  say(message: string): void {
    this.write(`${message}\n`)
  }

  /** Bytes on standard error; resolves when they have been read. */
  writeError(bytes: string | Buffer): Promise<void> {
    this.#wrote = signal()
    this.#order('stderr', bytes)
    return this.#wrote.promise
  }

  /** Ends the process when everything before has been written. */
  exit(code: number): void {
    this.#order('exit', String(code))
  }

  /** Makes it survive SIGTERM. */
  beStubborn(): void {
    this.#order('stubborn', '')
  }

  /** Starts a process of its own that ignores SIGTERM and everything else; resolves to its id. */
  grandchild(): Promise<number> {
    this.#grandchild = signal()
    this.#order('grandchild', '')
    return this.#grandchild.promise
  }

  /** Writes a line as often as it says, as fast as it is read. */
  produce(line: string, times: number): void {
    const count = Buffer.alloc(4)
    count.writeUInt32BE(times)
    this.#order('produce', Buffer.concat([count, Buffer.from(`${line}\n`)]))
  }

  /** Something that the process has told. */
  told(kind: FrameKind, bytes: Buffer): void {
    if (kind === 'stdin') this.#read(bytes)
    if (kind === 'grandchild') this.#grandchild.resolve(Number(bytes.toString()))
    if (kind === 'wrote') this.#wrote.resolve()
    if (kind === 'produced') this.produced = bytes.readUInt32BE(0)
    if (kind === 'signal') this.signals += 1
    if (kind !== 'end') return
    this.inputEnded = true
    if (this.#options.onInputEnd === undefined) this.exit(0)
    else this.#options.onInputEnd(this)
  }

  #read(chunk: Buffer): void {
    this.#partial = Buffer.concat([this.#partial, chunk])
    for (;;) {
      const end = this.#partial.indexOf('\n')
      if (end < 0) return
      const line = this.#partial.subarray(0, end)
      this.#partial = this.#partial.subarray(end + 1)
      this.lines.push(line)
      this.#options.onLine?.(line, this)
    }
  }

  #order(kind: FrameKind, bytes: string | Buffer): void {
    writeFrame(this.#socket, kind, Buffer.from(bytes))
  }
}

export async function startPuppets(
  options: PuppetsOptions = {},
  args: readonly string[] = [],
): Promise<Puppets> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    let puppet: Puppet | undefined
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      if (puppet !== undefined) puppet.gone = true
    })
    readFrames(socket, (kind, bytes) => {
      if (kind !== 'hello') return puppet?.told(kind, bytes)
      puppet = new Puppet(socket, parseJson<Hello>(bytes), options)
      puppets.all.push(puppet)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const puppets = new Puppets(port, args)
  closeAfterTest(async () => {
    // Processes whose test is over end when their control does.
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return puppets
}

/** True while a process with this id runs; one that has ended and was not waited for does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
