/**
 * The official reference server, as it is published, on a loopback port of its own.
 *
 * It listens on every address and has a tool that shows its environment, so it must not be left to
 * choose: whatever it asks for, it gets a free port of 127.0.0.1.
 */

import { Server } from 'node:http'
import { Server as NetServer } from 'node:net'
import { endWithParent, onOrder, reportReady } from './parent.ts'

const MODULE = '@modelcontextprotocol/server-everything/dist/transports/streamableHttp.js'

endWithParent()
onOrder((order) => {
  if (order.kind === 'stop') process.exit(0)
})

Server.prototype.listen = function listenOnLoopback(this: Server, ...args: unknown[]): Server {
  const onListening = args.find((arg): arg is () => void => typeof arg === 'function')
  this.once('listening', () => {
    const address = this.address()
    reportReady(typeof address === 'object' && address !== null ? address.port : undefined)
  })
  NetServer.prototype.listen.call(this, { port: 0, host: '127.0.0.1' }, onListening)
  return this
}

// The package has no types and runs when it is imported; the name in a variable keeps it untyped.
const name: string = MODULE
await import(name)
