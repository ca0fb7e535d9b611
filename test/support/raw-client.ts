/** An HTTP client on a bare socket: exact bytes out, exact bytes in. */

import { connect, type Socket } from 'node:net'
import { readBody, readHead, valuesOf, type Head } from './http-message.ts'
import { parseJson } from './json.ts'
import { closeAfterTest } from './scope.ts'
import { SOON, waitFor } from './wait-for.ts'

export interface RawResponse extends Head {
  readonly status: number
  readonly reason: string
  readonly body: Buffer
  values(name: string): readonly string[]
  json(): unknown
}

export class RawClient {
  readonly socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #ended = false
  #closed = false
  #error: NodeJS.ErrnoException | undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
    })
    socket.on('end', () => {
      this.#ended = true
    })
    socket.on('error', (error) => {
      this.#error = error
    })
    socket.on('close', () => {
      this.#closed = true
    })
  }

  /** Connects to the host and port of a URL. `halfOpen` keeps reading after `end`. */
  static async open(
    url: string,
    options: { readonly halfOpen?: boolean } = {},
  ): Promise<RawClient> {
    const { hostname, port } = new URL(url)
    const socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      allowHalfOpen: options.halfOpen ?? false,
    })
    const client = new RawClient(socket)
    closeAfterTest(async () => client.close())
    await waitFor(
      () => socket.readyState === 'open' || socket.destroyed || client.#error !== undefined,
      { within: SOON, what: `a connection to ${hostname}:${port}` },
    )
    return client
  }

  get closed(): boolean {
    return this.#closed
  }

  get ended(): boolean {
    return this.#ended
  }

  get error(): NodeJS.ErrnoException | undefined {
    return this.#error
  }

  /** Everything that has arrived and was not taken yet. */
  get received(): Buffer {
    return this.#received
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Sends one request with exactly these header lines; Host and Content-Length are added. */
  send(request: {
    readonly method?: string
    readonly path: string
    readonly headers?: readonly string[]
    readonly body?: string | Buffer
    readonly host?: string
  }): void {
    const body = Buffer.from(request.body ?? '')
    const method = request.method ?? 'POST'
    const lines = [
      `${method} ${request.path} HTTP/1.1`,
      `Host: ${request.host ?? 'localhost'}`,
      ...(request.headers ?? JSON_HEADERS),
      ...(method === 'POST' || body.length > 0 ? [`Content-Length: ${body.length}`] : []),
    ]
    this.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]))
  }

  /** Waits until these bytes have arrived, and takes everything up to and including them. */
  async until(bytes: string | Buffer, within = SOON): Promise<Buffer> {
    const wanted = Buffer.from(bytes)
    return waitFor(
      () => {
        const at = this.#received.indexOf(wanted)
        return at < 0 ? undefined : this.#take(at + wanted.length)
      },
      {
        within,
        what: `${JSON.stringify(wanted.toString('latin1'))} (have: ${this.#received.toString('latin1', 0, 400)})`,
      },
    )
  }

  /** Takes the head of the next response, which may be informational. */
  async head(within = SOON): Promise<Head> {
    return waitFor(
      () => {
        const head = readHead(this.#received)
        if (head !== undefined) this.#take(head.bytes.length)
        return head
      },
      { within, what: 'the head of a response' },
    )
  }

  /** Takes the next whole response. */
  async response(
    options: { readonly within?: number; readonly toHead?: boolean } = {},
  ): Promise<RawResponse> {
    const within = options.within ?? SOON
    const head = await this.head(within)
    const match = /^HTTP\/1\.1 (\d{3}) ?(.*)$/.exec(head.startLine)
    const status = Number(match?.[1])
    const bodiless = options.toHead === true || status === 204 || status === 304
    const body = bodiless
      ? Buffer.alloc(0)
      : await waitFor(
          () => {
            const read = readBody(head, this.#received, 'until_close')
            if (!read.complete && !(this.#ended && isUnframed(head))) return undefined
            this.#take(read.consumed)
            return read.bytes
          },
          { within, what: `the body of a response with ${head.startLine}` },
        )
    return {
      ...head,
      status,
      reason: match?.[2] ?? '',
      body,
      values: (name) => valuesOf(head.rawHeaders, name),
      json: () => parseJson(body),
    }
  }

  /** Resolves when the other side has closed or broken the connection. */
  async gone(within = SOON): Promise<void> {
    await waitFor(() => this.#closed || this.#ended, {
      within,
      what: 'the other side to close the connection',
    })
  }

  close(): void {
    this.socket.destroy()
  }

  #take(bytes: number): Buffer {
    const taken = this.#received.subarray(0, bytes)
    this.#received = this.#received.subarray(bytes)
    return taken
  }
}

/** What MCP clients send with a message. */
export const JSON_HEADERS: readonly string[] = [
  'Content-Type: application/json',
  'Accept: application/json, text/event-stream',
]

function isUnframed(head: Head): boolean {
  return (
    valuesOf(head.rawHeaders, 'content-length').length === 0 &&
    valuesOf(head.rawHeaders, 'transfer-encoding').length === 0
  )
}

/** One request on a connection of its own. */
export async function requestOnce(
  url: string,
  request: Omit<Parameters<RawClient['send']>[0], 'path'> & { readonly path?: string },
): Promise<RawResponse> {
  const client = await RawClient.open(url)
  try {
    const { pathname, search } = new URL(url)
    client.send({ path: pathname + search, ...request })
    return await client.response({ toHead: request.method === 'HEAD' })
  } finally {
    client.close()
  }
}
