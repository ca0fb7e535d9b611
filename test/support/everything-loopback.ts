/**
 * Loaded before `@modelcontextprotocol/server-everything`: makes it listen on loopback and on any
 * free port, and tells the parent which.
 */

import { Server } from 'node:net'

// oxlint-disable-next-line typescript/unbound-method -- it is called with its own `this` below
const listen = Server.prototype.listen

Server.prototype.listen = function listenOnLoopback(this: Server, ...args: unknown[]) {
  const callback = args.find((arg): arg is () => void => typeof arg === 'function')
  this.once('listening', () => {
    const address = this.address()
    if (address !== null && typeof address === 'object') process.send?.({ port: address.port })
  })
  return listen.call(this, { host: '127.0.0.1', port: 0 }, callback)
}
