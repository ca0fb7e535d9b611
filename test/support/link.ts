/**
 * A client and a server of the test's own with Sidelight between them, in each of the ways in which it
 * can stand there. What a case of the protocol demands is written once and holds for all of them.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { valuesOf } from './http-message.ts'
import { parseJson } from './json.ts'
import { HttpFar, PipeFar, type Far } from './link-far.ts'
import { HttpNear, PipeNear, type Near } from './link-near.ts'
import { startPuppets, type Puppets } from './puppets.ts'
import { startRawUpstream } from './raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from './test-sidecar.ts'
import { SOON, waitFor } from './wait-for.ts'
import { startWrapped, type Wrapped } from './wrapped.ts'

/** What the client speaks over, and what the server does. */
export type Mode = 'HTTP→HTTP' | 'HTTP→stdio' | 'stdio→stdio' | 'stdio→HTTP'

export const EVERY_MODE: readonly Mode[] = ['HTTP→HTTP', 'HTTP→stdio', 'stdio→stdio', 'stdio→HTTP']

export interface Link {
  readonly mode: Mode
  readonly near: Near
  readonly far: Far
  /** The client over HTTP. */
  readonly http: HttpNear | undefined
  readonly httpFar: HttpFar | undefined
  readonly pipeFar: PipeFar | undefined
  readonly sidecar: TestSidecar | undefined
  readonly wrapped: Wrapped | undefined
}

export interface LinkOptions {
  /** Without it trace context is neither read nor written, so that bytes can be compared. */
  readonly propagate?: boolean
  /** Configuration of a sidecar between HTTP clients and the server. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly upstream?: Readonly<Record<string, unknown>>
}

/** The client of a link whose client speaks HTTP. */
export function httpOf({ http }: Link): HttpNear {
  assert.ok(http !== undefined)
  return http
}

/** The server of a link whose server speaks HTTP. */
export function httpFarOf({ httpFar }: Link): HttpFar {
  assert.ok(httpFar !== undefined)
  return httpFar
}

/** The processes of a link whose server speaks over its standard streams. */
export function processesOf({ pipeFar }: Link): Puppets {
  assert.ok(pipeFar?.puppets !== undefined)
  return pipeFar.puppets
}

const SILENT = { telemetry: { propagateMeta: false, propagateHeaders: false } }

export async function openLink(mode: Mode, options: LinkOptions = {}): Promise<Link> {
  const httpFar = mode.endsWith('→HTTP') ? new HttpFar() : undefined
  const pipeFar = httpFar === undefined ? new PipeFar() : undefined
  const server = await startFar(httpFar, pipeFar)
  const propagate = options.propagate === true
  if (mode.startsWith('stdio')) {
    const wrapped = startWrapped({
      server,
      env: propagate ? {} : { OTEL_PROPAGATORS: 'none' },
    })
    const near = new PipeNear(wrapped)
    return assembleLink(mode, { near, wrapped, httpFar, pipeFar })
  }
  const sidecar = await startTestSidecar({
    upstreams: {
      main: {
        ...(typeof server === 'string' ? { url: server } : { command: server }),
        ...options.upstream,
      },
    },
    config: { ...(propagate ? {} : SILENT), ...options.config },
  })
  const http = new HttpNear(sidecar.url('main'))
  return assembleLink(mode, { near: http, http, sidecar, httpFar, pipeFar })
}

async function startFar(
  httpFar: HttpFar | undefined,
  pipeFar: PipeFar | undefined,
): Promise<readonly string[] | string> {
  if (httpFar !== undefined) {
    httpFar.upstream = await startRawUpstream(httpFar.handler)
    return httpFar.upstream.url
  }
  assert.ok(pipeFar !== undefined)
  pipeFar.puppets = await startPuppets({ onLine: pipeFar.onLine })
  return pipeFar.puppets.command
}

function assembleLink(
  mode: Mode,
  parts: Pick<Link, 'near' | 'httpFar' | 'pipeFar'> & Partial<Link>,
): Link {
  const far = parts.httpFar ?? parts.pipeFar
  assert.ok(far !== undefined)
  return { mode, far, http: undefined, sidecar: undefined, wrapped: undefined, ...parts }
}

/** Shakes hands in a revision before 2026-07-28, and listens to what the server says first. */
export async function openSession(
  mode: Mode,
  options: LinkOptions & { readonly revision?: string } = {},
): Promise<Link> {
  const link = await openLink(mode, options)
  await shakeHands(link, options.revision ?? '2025-06-18')
  await listen(link)
  return link
}

export async function shakeHands(link: Link, revision: string): Promise<void> {
  const { near, far, http } = link
  const posted = near.send(initialize(revision))
  const asked = await far.next()
  assert.equal(withoutContext(asked.text), initialize(revision))
  asked.answer(initialized(revision))
  assert.equal(await near.next(), initialized(revision))
  if (http !== undefined && posted !== undefined) {
    http.headers['Mcp-Session-Id'] = valuesOf(posted.rawHeaders, 'mcp-session-id')[0] ?? ''
    http.headers['MCP-Protocol-Version'] = revision
  }
  near.send(INITIALIZED)
  assert.equal(withoutContext((await far.next()).text), INITIALIZED)
}

/** A message without the trace context that was put into it. */
export function withoutContext(text: string): string {
  return text
    .replace(/"params":\{"_meta":\{"traceparent":"[^"]*"\}\},/, '')
    .replace(/"_meta":\{"traceparent":"[^"]*"\},?/, '')
}

/** Opens the client's GET stream; over pipes there is nothing to open, or wrap does it. */
export async function listen({ http, httpFar }: Link): Promise<void> {
  if (http !== undefined) await http.listen().head()
  if (httpFar === undefined) return
  await waitFor(() => httpFar.streams.length > 0, { within: SOON, what: 'the GET stream' })
}

export function initialize(revision: string): string {
  return `{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"${revision}","capabilities":{"sampling":{},"elicitation":{},"roots":{}},"clientInfo":{"name":"near","version":"1.0"}}}`
}

export function initialized(revision: string): string {
  return `{"jsonrpc":"2.0","id":"init","result":{"protocolVersion":"${revision}","capabilities":{"tools":{},"logging":{}},"serverInfo":{"name":"far","version":"1.0"}}}`
}

const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'

/** What every request of 2026-07-28 says of itself, to be put into `_meta`. */
export const MODERN =
  '"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}'

/** A request whose `params` are these members; `meta` are further members of `_meta`. */
export function modern(id: string, method: string, params = '', meta = ''): string {
  const more = meta === '' ? '' : `,${meta}`
  const others = params === '' ? '' : `${params},`
  return `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{${others}"_meta":{${MODERN}${more}}}}`
}

export function request(id: string, method: string, params = '{}'): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`
}

export function call(id: string, name = 't'): string {
  return request(id, 'tools/call', `{"name":"${name}"}`)
}

export function result(id: string, value = '{}'): string {
  return `{"jsonrpc":"2.0","id":${id},"result":${value}}`
}

export function notification(method: string, params = '{}'): string {
  return `{"jsonrpc":"2.0","method":"${method}","params":${params}}`
}

/** Sends a request, and checks that it and its answer arrive byte for byte. */
export async function exchange(link: Link, asked: string, answered: string): Promise<void> {
  link.near.send(asked)
  const taken = await link.far.next()
  assert.equal(taken.text, asked)
  taken.answer(answered)
  assert.equal(await link.near.next(), answered)
}

/** Both ways are empty: what is sent now is the next thing that arrives, at either end. */
export async function assertQuiet(link: Link, mark = '"quiet"'): Promise<void> {
  await exchange(link, request(mark, 'ping'), result(mark))
  assert.deepEqual(link.far.waiting, [])
  assert.deepEqual(link.near.waiting, [])
}

/** The id of a message, as its JSON text. */
export function idOf(text: string): string {
  return JSON.stringify(parseJson<{ readonly id: unknown }>(text).id)
}

/** One test per mode, named after the case of the protocol. */
export function overModes(
  name: string,
  modes: readonly Mode[],
  work: (mode: Mode) => Promise<void>,
): void {
  for (const mode of modes) test(`${name} (${mode})`, () => work(mode))
}
