/** Whole answers of the admin plane, on Node's own response. A HEAD gets the head of what a GET would. */

import type { ServerResponse } from 'node:http'

export function sendJson(outgoing: ServerResponse, status: number, value: object): void {
  send(outgoing, status, 'application/json', JSON.stringify(value))
}

export function sendText(outgoing: ServerResponse, status: number, text: string): void {
  send(outgoing, status, 'text/plain; charset=UTF-8', text)
}

function send(outgoing: ServerResponse, status: number, type: string, text: string): void {
  const body = Buffer.from(text)
  outgoing.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length })
  outgoing.end(body)
}
