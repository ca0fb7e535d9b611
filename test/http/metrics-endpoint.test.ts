import assert from 'node:assert/strict'
import { request, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import {
  MetricsEndpoint,
  negotiateFormat,
  SCRAPES_MAX,
  takesGzip,
  type MetricsEndpointOptions,
} from '../../src/http/metrics-endpoint.ts'
import { startHttpServer } from '../support/http-server.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

async function serve(options: MetricsEndpointOptions): Promise<number> {
  const endpoint = new MetricsEndpoint(options)
  return (await startHttpServer((incoming, outgoing) => void endpoint.serve(incoming, outgoing)))
    .port
}

interface Reply {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

function get(port: number, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { port, host: '127.0.0.1', headers, method, agent: false },
      (reply) => {
        buffer(reply).then(
          (body) => resolve({ status: reply.statusCode, headers: reply.headers, body }),
          reject,
        )
      },
    )
    outgoing.on('error', reject)
    outgoing.end()
  })
}

const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'

describe('The format of /metrics', () => {
  const rows: readonly (readonly [string | undefined, 'text' | 'openmetrics'])[] = [
    [undefined, 'text'],
    ['*/*', 'text'],
    ['text/html', 'text'],
    ['text/plain', 'text'],
    ['application/openmetrics-text', 'openmetrics'],
    ['Application/OpenMetrics-Text; Version="1.0.0"; charset=utf-8', 'openmetrics'],
    ['application/openmetrics-text; version=0.0.1', 'text'],
    ['application/openmetrics-text;q=0.1, text/plain;q=0.9', 'text'],
    ['text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0', 'openmetrics'],
    ['application/openmetrics-text;q=0', 'text'],
    ['application/openmetrics-text;q=nonsense', 'text'],
    [PROMETHEUS_3, 'openmetrics'],
  ]
  for (const [accept, format] of rows) {
    it(`is ${format} for ${accept?.slice(0, 70) ?? 'no Accept header'}`, () => {
      assert.equal(negotiateFormat(accept), format)
    })
  }
})

describe('Compression of /metrics', () => {
  for (const [header, taken] of [
    [undefined, false],
    ['', false],
    ['gzip', true],
    ['deflate, GZIP;q=0.5', true],
    ['gzip;q=0', false],
    ['br, zstd', false],
  ] as const) {
    it(`is ${taken ? 'gzip' : 'none'} for ${header ?? 'no header'}`, () => {
      assert.equal(takesGzip(header), taken)
    })
  }
})

describe('A scrape', () => {
  it('gets its format, in text or gzip, and says which', async () => {
    const port = await serve({
      renderMetrics: (format) => [`one ${format}\n`, 'two\n'],
      onLimit: () => assert.fail('no limit'),
    })
    const plain = await get(port)
    assert.equal(plain.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
    assert.equal(plain.headers['content-encoding'], undefined)
    assert.equal(plain.headers.vary, 'Accept, Accept-Encoding')
    assert.equal(plain.body.toString(), 'one text\ntwo\n')
    const zipped = await get(port, { Accept: PROMETHEUS_3, 'Accept-Encoding': 'gzip' })
    assert.equal(
      zipped.headers['content-type'],
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    )
    assert.equal(zipped.headers['content-encoding'], 'gzip')
    assert.equal(gunzipSync(zipped.body).toString(), 'one openmetrics\ntwo\n')
    const empty = await head(port)
    assert.deepEqual([empty.status, empty.body.length], [200, 0])
  })

  it('is rendered as it is read, with other work between two slices', async () => {
    let turns = 0
    const turnsAt: number[] = []
    const tick = (): void => {
      turns += 1
      ticking = setImmediate(tick)
    }
    let ticking = setImmediate(tick)
    const port = await serve({
      *renderMetrics() {
        for (let i = 0; i < 50; i += 1) {
          turnsAt.push(turns)
          yield 'x\n'.repeat(10_000)
        }
      },
      onLimit: () => assert.fail('no limit'),
    })
    const { body } = await get(port)
    clearImmediate(ticking)
    assert.equal(body.length, 50 * 20_000)
    for (const [index, at] of turnsAt.entries()) {
      if (index > 0) assert.ok(at > (turnsAt[index - 1] ?? at), `slice ${index}`)
    }
  })

  it('that nobody reads is not rendered on, and ends with the scraper', async () => {
    let slices = 0
    let ended = 0
    const port = await serve({
      *renderMetrics() {
        try {
          for (;;) {
            slices += 1
            yield 'x'.repeat(65_536)
          }
        } finally {
          ended += 1
        }
      },
      onLimit: () => {},
    })
    const socket = connect(port, '127.0.0.1')
    socket.pause()
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
    let before = -1
    await waitFor(
      () => {
        const stands = slices > 0 && slices === before
        before = slices
        return stands
      },
      { within: SOON, what: 'rendering stands still' },
    )
    // What fits into the buffers of both sockets, and no more.
    assert.ok(slices < 500, String(slices))
    socket.destroy()
    await waitFor(() => ended === 1, { within: SOON, what: 'rendering ends' })
  })

  it('beyond the limit is refused and counted, and welcome again when another has ended', async () => {
    assert.equal(SCRAPES_MAX, 4)
    const limits: string[] = []
    const port = await serve({
      *renderMetrics() {
        for (;;) yield 'x'.repeat(65_536)
      },
      onLimit: (limit) => void limits.push(limit),
    })
    const held = [1, 2, 3, 4].map(() => {
      const socket = connect(port, '127.0.0.1')
      socket.pause()
      socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
      return socket
    })
    const refused = await waitFor(
      async () => {
        const reply = await head(port)
        return reply.status === 503 && reply
      },
      { within: SOON, what: 'four scrapes are under way' },
    )
    assert.equal(refused.headers['retry-after'], '1')
    assert.ok(limits.length >= 1)
    assert.deepEqual(new Set(limits), new Set(['scrapes']))
    held[0]?.destroy()
    await waitFor(async () => (await head(port)).status === 200, {
      within: SOON,
      what: 'room for a scrape',
    })
    for (const socket of held) socket.destroy()
  })

  it('that takes too long is ended and counted', async () => {
    const limits: string[] = []
    const port = await serve({
      *renderMetrics() {
        for (;;) yield 'x'.repeat(65_536)
      },
      onLimit: (limit) => void limits.push(limit),
      scrapeTimeoutMs: 50,
    })
    const socket = connect(port, '127.0.0.1')
    const closed = new Promise((resolve) => socket.on('close', resolve))
    socket.on('error', () => {})
    socket.resume()
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
    await closed
    assert.deepEqual(limits, ['scrapes'])
  })
})

function head(port: number): Promise<Reply> {
  return get(port, {}, 'HEAD')
}
