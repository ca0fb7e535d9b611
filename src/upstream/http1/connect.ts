/** Makes a connection to an upstream, over TLS when its URL says so. */

import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** After so long without traffic the kernel asks whether the other end is still there. */
const KEEP_ALIVE_MS = 60_000
/** Sessions of TLS that are kept for the next connections, one per name. */
const SESSIONS_MAX = 16

export class Connector {
  readonly secure: boolean
  readonly #host: string
  readonly #port: number
  /** By the name that the server was asked to prove. */
  readonly #sessions = new Map<string, Buffer>()

  constructor(url: URL) {
    this.secure = url.protocol === 'https:'
    this.#host = withoutBrackets(url.hostname)
    this.#port = Number(url.port) || (this.secure ? 443 : 80)
  }

  /** Begins to connect; `servername` is what TLS asks for, empty for an address. */
  connect(servername: string, onread: OnReadOpts): Socket {
    const socket = this.secure ? this.#connectTls(servername, onread) : this.#connectTcp(onread)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.setNoDelay(true)
    return socket
  }

  /** The event that says that the connection can be used. */
  get readyEvent(): 'connect' | 'secureConnect' {
    return this.secure ? 'secureConnect' : 'connect'
  }

  #connectTcp(onread: OnReadOpts): Socket {
    return connectTcp({ host: this.#host, port: this.#port, onread })
  }

  #connectTls(servername: string, onread: OnReadOpts): Socket {
    const session = this.#sessions.get(servername)
    // The types of `tls.connect` do not know `onread`, which it takes as `net.connect` does.
    const options = {
      host: this.#host,
      port: this.#port,
      onread,
      ALPNProtocols: ['http/1.1'],
      ...(servername === '' ? {} : { servername }),
      ...(session === undefined ? {} : { session }),
    }
    const socket = connectTls(options)
    socket.on('session', (next: Buffer) => {
      this.#sessions.delete(servername)
      if (this.#sessions.size < SESSIONS_MAX) this.#sessions.set(servername, next)
    })
    return socket
  }
}

/** The name that TLS asks the server to prove, from a `Host`; empty for an address (RFC 6066 §3). */
export function serverNameOf(host: string): string {
  const name = host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : host.split(':', 1)[0]
  const plain = withoutBrackets(name ?? '')
  return isIP(plain) === 0 ? plain : ''
}

function withoutBrackets(name: string): string {
  return name.replaceAll(/^\[|\]$/g, '')
}
