/** A reader that does not read holds the server back instead of filling the memory between them. */

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import { startHttpUpstream } from '../../support/http-upstream.ts'
import { call, initialize, initialized, notification, result } from '../../support/link.ts'
import { startPuppets, type Puppets } from '../../support/puppets.ts'
import { requestOnce } from '../../support/raw-client.ts'
import { startSidecarProcess, withFile } from '../../support/sidecar-process.ts'
import { waitFor } from '../../support/wait-for.ts'
import { rssMiB, startWrapProcess } from '../../support/wrap-process.ts'

const PIECE = 64 * 1024
const TIMES = 800
/** 50 MiB, in messages of 64 KiB. */
const MESSAGE = logOf(PIECE)

/** How much the process may grow while nobody reads. */
const HELD_MIB_MAX = 32

const WITHIN = 20_000

function logOf(bytes: number): string {
  const empty = notification('notifications/message', '{"level":"info","data":""}')
  return empty.replace('""', `"${'x'.repeat(bytes - empty.length - 1)}"`)
}

/** What is between a reader that has stopped and a server that has not. */
interface Held {
  readonly pid: number
  readonly before: number
  /** The reader's end; it is paused, and knows nothing of what it will read. */
  readonly reader: Readable
  /** How many of the messages have left the server. */
  readonly produced: () => number
}

async function assertHeldBack({ pid, before, reader, produced }: Held): Promise<void> {
  let seen = -1
  let since = 0
  let peak = 0
  await waitFor(
    async () => {
      peak = Math.max(peak, (await rssMiB(pid)) - before)
      if (produced() !== seen) since = performance.now()
      seen = produced()
      return seen > 0 && performance.now() - since > 500
    },
    { within: WITHIN, what: 'the server to be held back' },
  )
  assert.ok(produced() < TIMES / 2, `${produced()} of ${TIMES} messages were taken`)
  assert.ok(peak < HELD_MIB_MAX, `${peak} MiB are held for a reader that reads nothing`)
  let bytes = 0
  reader.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  reader.resume()
  await waitFor(() => bytes >= PIECE * TIMES, { within: WITHIN, what: 'all of it' })
  assert.equal(produced(), TIMES)
}

/** Answers the handshake, and writes everything when it is called. */
async function producers(): Promise<Puppets> {
  return startPuppets({
    onLine: (line, puppet) => {
      const text = line.toString()
      if (text.includes('"initialize"')) puppet.say(initialized('2025-06-18'))
      else if (text.includes('"warm"')) puppet.say(result('"warm"'))
      else if (text.includes('"tools/call"')) puppet.produce(MESSAGE, TIMES)
    },
  })
}

const LINUX = { skip: process.platform !== 'linux' }

test(
  'case 41: a client that reads none of 50 MiB holds the server back (HTTP→stdio)',
  LINUX,
  async () => {
    const puppets = await producers()
    const yaml = `upstreams:\n  main: { command: ${JSON.stringify(puppets.command)}, health: { method: off } }\n`
    await withFile(yaml, async (file) => {
      const sidecar = await startSidecarProcess({ args: ['--config', file] })
      const begun = await requestOnce(sidecar.url('main'), { body: initialize('2025-06-18') })
      const [session = ''] = begun.values('mcp-session-id')
      const headers = ['Content-Type: application/json', `Mcp-Session-Id: ${session}`]
      await requestOnce(sidecar.url('main'), { headers, body: call('"warm"') })
      const reader = connect(Number(new URL(sidecar.dataUrl).port), '127.0.0.1')
      const before = await rssMiB(sidecar.pid)
      const body = call('1')
      const head = ['POST /main/mcp HTTP/1.1', 'Host: localhost', ...headers]
      reader.write(`${head.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      reader.pause()
      const puppet = await puppets.puppet()
      await assertHeldBack({ pid: sidecar.pid, before, reader, produced: () => puppet.produced })
      reader.destroy()
      await sidecar.kill()
    })
  },
)

test(
  'case 41: a client that reads none of 50 MiB holds the server back (stdio→stdio)',
  LINUX,
  async () => {
    const puppets = await producers()
    const wrap = startWrapProcess(['--', ...puppets.command], { reads: false })
    const { stdout } = wrap.child
    assert.ok(stdout !== null)
    wrap.say(call('"warm"'))
    const puppet = await puppets.puppet()
    await puppet.line(0)
    const before = await rssMiB(wrap.pid)
    wrap.say(call('1'))
    await assertHeldBack({ pid: wrap.pid, before, reader: stdout, produced: () => puppet.produced })
  },
)

test(
  'case 41: a client that reads none of 50 MiB holds the server back (stdio→HTTP)',
  LINUX,
  async () => {
    const sent = { pieces: 0 }
    const produce = (response: ServerResponse): void => {
      while (sent.pieces < TIMES) {
        sent.pieces += 1
        if (response.write(`data: ${MESSAGE}\n\n`)) continue
        response.once('drain', () => produce(response))
        return
      }
      response.end(`data: ${result('1')}\n\n`)
    }
    const upstream = await startHttpUpstream((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        const warm = body.includes('"warm"')
        response.writeHead(200, { 'Content-Type': warm ? 'application/json' : 'text/event-stream' })
        if (warm) response.end(result('"warm"'))
        else produce(response)
      })
    })
    const wrap = startWrapProcess(['--upstream', upstream.url], { reads: false })
    const { stdout } = wrap.child
    assert.ok(stdout !== null)
    wrap.say(call('"warm"'))
    await waitFor(() => stdout.readableLength > 0 || stdout.read(1) !== null, {
      within: WITHIN,
      what: 'the first answer',
    })
    const before = await rssMiB(wrap.pid)
    wrap.say(call('1'))
    await assertHeldBack({ pid: wrap.pid, before, reader: stdout, produced: () => sent.pieces })
  },
)
