/**
 * Reads the heads of ordinary requests: those that nobody on the way could read in another way than we
 * do. Whatever is odd, rare or in doubt is not read at all, but left to Node's own parser.
 */

import type { IncomingHttpHeaders } from 'node:http'
import type { Incoming } from '../arrival.ts'
import { BEGINNING_OF_POST, ODD_IN_VALUE, TARGET, TOKEN } from '../http-text.ts'
import type { SharedHead } from '../../core/exchange.ts'
import type { Route } from '../route.ts'

/** The head of a request, read. Requests that come with the same head share it, on whichever connection. */
export interface OrdinaryHead extends Incoming {
  readonly bodyBytes: number
  /** Where it leads, as far as that was asked, and who was asked: it holds for that one only. */
  routedBy: unknown
  route: Route | undefined
  shared: SharedHead | undefined
}

/** More headers than this are not ordinary. */
const HEADERS_MAX = 64

const START = 'POST '
const END_OF_FIRST_LINE = ' HTTP/1.1'

/** No sign, no list, and no zeros in front, which some would read as octal. */
const LENGTH = /^(?:0|[1-9]\d{0,14})$/

/** What changes where a request ends, what becomes of its connection, or has a form of its own in Node. */
const NOT_ORDINARY: ReadonlySet<string> = new Set([
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * Whether what has come may become the head of an ordinary request; at least its first line has come. To
 * anything else Node's parser may have to say something at once.
 */
export function mayBeOrdinary(bytes: Buffer): boolean {
  return BEGINNING_OF_POST.test(bytes.toString('latin1'))
}

/**
 * Reads a head from its first character to the end of its last line. Undefined when it is not that of an
 * ordinary request: a POST of HTTP/1.1 with one Host and one Content-Length, each header once, each line
 * as RFC 9112 would have it written, and nothing in it that concerns the connection.
 */
export function readOrdinaryHead(text: string): OrdinaryHead | undefined {
  const lineEnd = text.indexOf('\r\n')
  if (!text.startsWith(START) || !text.startsWith(END_OF_FIRST_LINE, lineEnd - 9)) return undefined
  const url = text.slice(START.length, lineEnd - 9)
  if (!TARGET.test(url)) return undefined
  const rawHeaders: string[] = []
  const headers: IncomingHttpHeaders = {}
  if (!readHeaders(text, lineEnd + 2, rawHeaders, headers)) return undefined
  const { host, connection } = headers
  const length = headers['content-length'] ?? ''
  if (host === undefined || !LENGTH.test(length)) return undefined
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined
  return {
    method: 'POST',
    url,
    httpVersion: '1.1',
    rawHeaders,
    headers,
    bodyBytes: Number(length),
    routedBy: undefined,
    route: undefined,
    shared: undefined,
  }
}

/** False when a line is not ordinary. */
function readHeaders(
  text: string,
  from: number,
  rawHeaders: string[],
  headers: IncomingHttpHeaders,
): boolean {
  for (let at = from; at < text.length;) {
    const end = text.indexOf('\r\n', at)
    const colon = text.indexOf(':', at)
    if (end < 0 || colon <= at || colon >= end) return false
    const name = text.slice(at, colon)
    const value = text.slice(text.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1, end)
    const key = keyOf(name)
    // What every object has by birth counts as there already, so `constructor` is not ordinary.
    if (key === undefined || headers[key] !== undefined || !isOrdinaryValue(value)) return false
    rawHeaders.push(name, value)
    headers[key] = value
    at = end + 2
  }
  return rawHeaders.length <= 2 * HEADERS_MAX
}

const SPACE = 0x20

function isOrdinaryValue(value: string): boolean {
  // Blanks at either end, also the end of an empty value, would have to be taken away.
  return (
    value.charCodeAt(0) > SPACE &&
    value.charCodeAt(value.length - 1) > SPACE &&
    !ODD_IN_VALUE.test(value)
  )
}

function keyOf(name: string): string | undefined {
  const known = KEYS.get(name)
  if (known !== undefined) return known
  if (!TOKEN.test(name)) return undefined
  const key = name.toLowerCase()
  return NOT_ORDINARY.has(key) ? undefined : key
}

/** Headers that MCP clients send, as they spell them: looked up rather than checked and made lower-case. */
const KEYS: ReadonlyMap<string, string> = new Map(
  [
    'Accept',
    'Accept-Encoding',
    'Accept-Language',
    'Authorization',
    'Baggage',
    'Connection',
    'Content-Length',
    'Content-Type',
    'Host',
    'Mcp-Method',
    'Mcp-Name',
    'Mcp-Protocol-Version',
    'Mcp-Session-Id',
    'MCP-Protocol-Version',
    'Origin',
    'Sec-Fetch-Mode',
    'Traceparent',
    'Tracestate',
    'User-Agent',
  ].flatMap((name) => [
    [name, name.toLowerCase()] as const,
    [name.toLowerCase(), name.toLowerCase()] as const,
  ]),
)
