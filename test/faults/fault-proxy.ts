/**
 * A proxy that does to connections and requests what networks and servers do on bad days.
 *
 * It listens on loopback in front of a server. Faults are set at any time, hold for what is open as
 * well, and combine; chance follows from the seed, and time may be the test's. Requests are framed,
 * so that a fault may choose among them by method, and go on as the bytes they were; replies are
 * never looked into.
 */

import { connect, createServer, type Server, type Socket } from 'node:net'
import { readRequests, type UpstreamRequest } from '../support/read-requests.ts'
import {
  isRequestFault,
  type ConnectionFault,
  type Cut,
  type Fault,
  type RequestFault,
  type Way,
} from './faults.ts'
import { playSteps, realTime, seeded, type FaultTime, type Random, type Step } from './schedule.ts'
import { Shaper } from './shaper.ts'

/** More connections than this are reset, and counted. */
const CONNECTIONS_MAX = 4_096

export interface FaultProxyOptions {
  /** The server behind it. */
  readonly url: string
  readonly faults?: readonly Fault[]
  readonly seed?: number
  readonly time?: FaultTime
}

export interface FaultCounts {
  /** Connections that were accepted. */
  connections: number
  /** Requests that were read, whatever became of them. */
  requests: number
  /** Requests answered here instead of by the server. */
  answered: number
  swallowed: number
  cuts: number
  /** Connections beyond what the proxy takes. */
  overflow: number
}

export class FaultProxy {
  readonly counts: FaultCounts = {
    connections: 0,
    requests: 0,
    answered: 0,
    swallowed: 0,
    cuts: 0,
    overflow: 0,
  }
  readonly #target: URL
  readonly #random: Random
  readonly #time: FaultTime
  readonly #pairs = new Set<Pair>()
  #faults: readonly Fault[]
  #server: Server | undefined
  #port = 0
  #stopSteps: () => void = () => {}
  /** Listening and not listening takes time; what is set last is what holds in the end. */
  #changes: Promise<void> = Promise.resolve()

  private constructor({ url, faults = [], seed = 1, time = realTime }: FaultProxyOptions) {
    this.#target = new URL(url)
    this.#faults = faults
    this.#random = seeded(seed)
    this.#time = time
  }

  static async open(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options)
    await proxy.#listen()
    await proxy.set(...(options.faults ?? []))
    return proxy
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}${this.#target.pathname}`
  }

  /** Connections of clients that are open. */
  get open(): number {
    return this.#pairs.size
  }

  /** From now on these faults and no others. Resolves when they hold. */
  set(...faults: readonly Fault[]): Promise<void> {
    this.#faults = faults
    this.#changes = this.#changes.then(() => this.#obey(faults))
    return this.#changes
  }

  /** From now on everything passes. */
  clear(): Promise<void> {
    return this.set()
  }

  /** Sets faults by the clock. The end of the proxy, and the next `play`, end that. */
  play(steps: readonly Step<Fault>[]): void {
    this.#stopSteps()
    this.#stopSteps = playSteps(steps, this.#time, (faults) => void this.set(...faults))
  }

  async close(): Promise<void> {
    this.#stopSteps()
    await this.#changes
    await this.#closeServer()
  }

  async #obey(faults: readonly Fault[]): Promise<void> {
    const refuses = faults.some(({ kind }) => kind === 'refuse')
    if (refuses) await this.#closeServer()
    else if (this.#server === undefined) await this.#listen()
    for (const pair of this.#pairs) pair.wake()
  }

  async #listen(): Promise<void> {
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) =>
      this.#accept(client),
    )
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#port, '127.0.0.1', () => resolve())
    })
    const address = server.address()
    if (address !== null && typeof address === 'object') this.#port = address.port
    this.#server = server
  }

  async #closeServer(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const pair of this.#pairs) pair.reset()
    if (server !== undefined) await new Promise((resolve) => server.close(resolve))
  }

  #accept(client: Socket): void {
    if (this.#pairs.size >= CONNECTIONS_MAX) {
      this.counts.overflow += 1
      client.resetAndDestroy()
      return
    }
    this.counts.connections += 1
    const pair = new Pair(client, {
      target: this.#target,
      random: this.#random,
      time: this.#time,
      counts: this.counts,
      faults: () => this.#faults,
      closed: () => void this.#pairs.delete(pair),
    })
    this.#pairs.add(pair)
  }
}

interface PairOptions {
  readonly target: URL
  readonly random: Random
  readonly time: FaultTime
  readonly counts: FaultCounts
  readonly faults: () => readonly Fault[]
  readonly closed: () => void
}

/** A client's connection and the one to the server that belongs to it. */
class Pair {
  readonly #client: Socket
  readonly #options: PairOptions
  readonly #toClient: Shaper
  #server: Socket | undefined
  #toServer: Shaper | undefined
  /** What came before the server was there. */
  #early: Buffer[] = []
  #inHole: boolean

  constructor(client: Socket, options: PairOptions) {
    this.#client = client
    this.#options = options
    this.#inHole = this.#has('black_hole')
    this.#toClient = this.#shaper('toClient', client, (wait) => pause(this.#server, wait))
    client.on('error', () => client.destroy())
    client.on('close', () => this.#close())
    client.on('end', () => {
      // What fell into the hole is not kept once its client has gone.
      if (this.#inHole) client.destroy()
      else this.#toServer?.end()
    })
    readRequests(client, 0, (request) => this.#take(request))
    if (!this.#inHole) this.#connect()
  }

  /** The faults have changed. */
  wake(): void {
    if (this.#has('black_hole')) this.#inHole = true
    this.#toClient.wake()
    this.#toServer?.wake()
  }

  reset(): void {
    if (!this.#client.destroyed) this.#client.resetAndDestroy()
    this.#close()
  }

  #has(kind: ConnectionFault['kind']): boolean {
    return this.#options.faults().some((fault) => fault.kind === kind)
  }

  #connect(): void {
    const { hostname, port } = this.#options.target
    const server = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      allowHalfOpen: true,
    })
    this.#server = server
    server.on('error', () => this.reset())
    server.on('data', (bytes: Buffer) => {
      if (!this.#inHole) this.#toClient.push(bytes)
    })
    server.on('end', () => this.#toClient.end())
    server.on('connect', () => {
      this.#toServer = this.#shaper('toServer', server, (wait) => pause(this.#client, wait))
      for (const bytes of this.#early.splice(0)) this.#toServer.push(bytes)
    })
  }

  #shaper(way: Way, to: Socket, hold: (wait: boolean) => void): Shaper {
    const { faults, random, time } = this.#options
    return new Shaper({ way, to, faults, random, time, hold, cut: (cut) => this.#cut(cut, to) })
  }

  #take(request: UpstreamRequest): void {
    const { counts } = this.#options
    counts.requests += 1
    if (this.#inHole) return
    const fault = this.#faultFor(request)
    if (fault?.kind === 'swallow') {
      counts.swallowed += 1
      return
    }
    if (fault !== undefined) {
      counts.answered += 1
      return this.#toClient.push(replyOf(fault))
    }
    if (this.#toServer === undefined) this.#early.push(request.whole)
    else this.#toServer.push(request.whole)
  }

  #faultFor(request: UpstreamRequest): RequestFault | undefined {
    return this.#options
      .faults()
      .filter(isRequestFault)
      .find(
        ({ methods, share = 1 }) =>
          (methods === undefined || methods.includes(String(request.json()['method']))) &&
          this.#options.random() < share,
      )
  }

  #cut({ kind }: Cut, to: Socket): void {
    this.#options.counts.cuts += 1
    if (kind === 'reset') return this.reset()
    const shaper = to === this.#client ? this.#toClient : this.#toServer
    shaper?.stop()
    to.end()
    if (kind === 'half_close') return
    const other = to === this.#client ? this.#server : this.#client
    other?.destroy()
    if (other === this.#server) this.#toServer?.stop()
  }

  #close(): void {
    this.#toClient.stop()
    this.#toServer?.stop()
    this.#server?.destroy()
    this.#options.closed()
  }
}

function pause(socket: Socket | undefined, wait: boolean): void {
  if (wait) socket?.pause()
  else if (socket?.isPaused() === true) socket.resume()
}

function replyOf({
  status = '503 Service Unavailable',
  headers = [],
  body = '',
}: RequestFault): Buffer {
  const lines = [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${Buffer.byteLength(body)}`]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`)
}
