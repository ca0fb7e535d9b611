/** The demo's screen and plain lines: what is shown, and that it fits. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  formatCall,
  formatErrors,
  formatMs,
  formatSummary,
  formatUptime,
} from '../../src/cli/demo/format.ts'
import { createHints } from '../../src/cli/demo/hints.ts'
import { LineTail } from '../../src/cli/demo/line-tail.ts'
import { Screen } from '../../src/cli/demo/screen.ts'
import type { EndedCall, Snapshot } from '../../src/cli/demo/stats.ts'
import type { RowNumbers } from '../../src/cli/demo/tally.ts'
import { fit, heightOf, line, paint, piece, textOf } from '../../src/cli/demo/text.ts'
import { renderView, type ViewOptions } from '../../src/cli/demo/view.ts'

// Times of day are shown where the demo runs; the expectations below are in UTC.
process.env['TZ'] = 'UTC'

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'

const numbers = (calls: number, outcomes: RowNumbers['outcomes'] = []): RowNumbers => ({
  calls,
  perSecond: calls / 10,
  inFlight: 1,
  p50: 3.14,
  p95: 20,
  p99: 1_234.5,
  outcomes,
})

const ended = (second: number, outcome = 'ok'): EndedCall => ({
  atWallMs: Date.UTC(2026, 0, 2, 3, 4, second),
  upstream: 'library',
  label: 'search_books',
  outcome,
  durationMs: 12.4,
  traceId: TRACE_ID,
})

const SNAPSHOT: Snapshot = {
  uptimeMs: 83_000,
  groups: [
    {
      upstream: 'everything',
      numbers: numbers(30, [{ label: 'ok', count: 30 }]),
      rows: [
        { label: 'echo', numbers: numbers(20) },
        { label: 'trigger-long-running-operation', numbers: numbers(10) },
      ],
    },
    {
      upstream: 'library',
      numbers: numbers(40, [
        { label: 'tool_error', count: 3 },
        { label: 'rpc_error -32602', count: 2 },
      ]),
      rows: [
        { label: 'search_books', numbers: numbers(25) },
        { label: 'get_book', numbers: numbers(12, [{ label: 'tool_error', count: 3 }]) },
        { label: 'shelve_book', numbers: numbers(3) },
      ],
    },
  ],
  total: numbers(70, [{ label: 'cancelled', count: 4 }]),
  recent: [1, 2, 3, 4, 5, 6, 7, 8, 9].map((second) =>
    ended(second, second === 9 ? 'rpc_error -32602' : 'ok'),
  ),
}

const URLS = { dataUrl: 'http://127.0.0.1:8420', adminUrl: 'http://127.0.0.1:9464' }

const OPTIONS: ViewOptions = {
  version: '0.1.0',
  ...URLS,
  hints: createHints({ ...URLS, exporting: false }),
  about: { everything: 'MCP 2025-11-25', library: 'MCP 2026-07-28' },
}

function screenOf(columns: number, rows: number, notice?: string): readonly string[] {
  return renderView(SNAPSHOT, OPTIONS, { columns, rows }, notice).map((one) =>
    textOf(one).trimEnd(),
  )
}

const CURL =
  `curl -s http://127.0.0.1:8420/library/mcp -H 'Accept: application/json, text/event-stream'` +
  ` -H 'Content-Type: application/json' -H 'MCP-Protocol-Version: 2026-07-28'` +
  ` -H 'Mcp-Method: tools/call' -H 'Mcp-Name: search_books'` +
  ` -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search_books",` +
  `"arguments":{"query":"sea"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
  `"io.modelcontextprotocol/clientCapabilities":{}}}}'`

describe('the live view', () => {
  it('is this at 80x24', () => {
    assert.deepEqual(screenOf(80, 24), [
      'Sidelight 0.1.0 demo: real MCP servers and clients, up 1:23. Ctrl-C ends it.',
      'sidecar http://127.0.0.1:8420  status page http://127.0.0.1:9464/',
      'durations in ms       calls    /s open   p50   p95   p99  errors',
      'everything               30   3.0    1   3.1    20  1235',
      '  echo                   20   2.0    1   3.1    20  1235',
      'library                  40   4.0    1   3.1    20  1235  tool_error 3, -32602 2',
      '  search_books           25   2.5    1   3.1    20  1235',
      '  get_book               12   1.2    1   3.1    20  1235  tool_error 3',
      'all calls, +2 rows       70   7.0    1   3.1    20  1235  cancelled 4',
      'Last calls (time, call, outcome, ms, trace id)',
      `03:04:07 search_books    ok                  12 ${TRACE_ID}`,
      `03:04:08 search_books    ok                  12 ${TRACE_ID}`,
      `03:04:09 search_books    rpc_error -32602    12 ${TRACE_ID}`,
      'Try next, in another terminal',
      'curl -s http://127.0.0.1:9464/metrics',
      CURL,
      '{"mcpServers":{"everything":{"type":"http","url":"http://127.0.0.1:8420/everything/mcp"}}}',
      'OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 npm start',
    ])
  })

  it('uses the room of 120x40: every row, eight calls, a word on each hint', () => {
    const screen = screenOf(120, 40)
    assert.equal(
      screen[4],
      'everything (MCP 2025-11-25)                 30   3.0    1   3.1    20  1235',
    )
    assert.ok(screen.some((text) => text.startsWith('  trigger-long-running-operation')))
    assert.ok(screen.some((text) => text.startsWith('all calls  ')))
    assert.equal(screen.filter((text) => text.includes(TRACE_ID)).length, 8)
    assert.ok(
      screen.includes(
        `03:04:09 library    search_books                     rpc_error -32602          12 ${TRACE_ID}`,
      ),
    )
    assert.ok(screen.includes('Make a call of your own:'))
  })

  for (const [columns, rows] of [
    [80, 24],
    [120, 40],
    [200, 60],
    [60, 20],
    [40, 10],
    [20, 5],
    [10, 1],
  ] as const) {
    it(`is no larger than ${columns}x${rows}`, () => {
      const lines = renderView(SNAPSHOT, OPTIONS, { columns, rows }, 'notice '.repeat(30))
      const height = lines.reduce((sum, one) => sum + heightOf(one, columns), 0)
      assert.ok(height <= rows, `${height} rows`)
      for (const one of lines) {
        if (!one.wraps) assert.ok(textOf(one).length <= columns, textOf(one))
      }
    })
  }

  it('gives up hints before the table when there is little room', () => {
    const screen = screenOf(80, 16)
    assert.ok(screen.some((text) => text.startsWith('  search_books')))
    assert.ok(!screen.includes(CURL))
  })

  it('shows what the sidecar warned of last', () => {
    assert.equal(screenOf(80, 24, 'collector unreachable').at(-1), 'collector unreachable')
  })

  it('shows the table before the first call', () => {
    const empty: Snapshot = { ...SNAPSHOT, groups: [], recent: [], total: { ...numbers(0) } }
    const lines = renderView(empty, OPTIONS, { columns: 80, rows: 24 }).map(textOf)
    assert.ok(lines.some((text) => text.startsWith('all calls')))
  })
})

describe('the hints', () => {
  it('are the metrics, a call, a client configuration and a collector', () => {
    assert.deepEqual(
      createHints({ ...URLS, exporting: false }).map(({ text }) => text),
      [
        'curl -s http://127.0.0.1:9464/metrics',
        CURL,
        '{"mcpServers":{"everything":{"type":"http","url":"http://127.0.0.1:8420/everything/mcp"}}}',
        'OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 npm start',
      ],
    )
  })

  it('leave out metrics without an admin plane and the collector when there is one', () => {
    const hints = createHints({ ...URLS, adminUrl: undefined, exporting: true })
    assert.deepEqual(
      hints.map(({ about }) => about),
      ['Make a call of your own:', 'Connect an MCP client:'],
    )
  })
})

describe('plain lines', () => {
  it('are this for a call', () => {
    assert.equal(
      formatCall(ended(9, 'tool_error')),
      `03:04:09  library     search_books                      tool_error              12 ms  trace ${TRACE_ID}`,
    )
  })

  it('are this for a summary', () => {
    const total = numbers(70, [
      { label: 'ok', count: 66 },
      { label: 'rpc_error -32602', count: 4 },
    ])
    assert.equal(
      formatSummary({ ...SNAPSHOT, total }),
      'summary after 1:23: 70 calls; 7.0/s; 1 in flight; p50 3.1 p95 20 p99 1235 ms; ok 66, rpc_error -32602 4',
    )
  })

  it('write durations in at most five characters', () => {
    const given = [undefined, 0, 0.04, 9.94, 9.96, 999.6, 99_999, 100_000]
    assert.deepEqual(given.map(formatMs), ['-', '0.0', '0.0', '9.9', '10', '1000', '99999', '100s'])
  })

  it('write the time since the start as a clock does', () => {
    assert.deepEqual([0, 59_999, 60_000, 3_599_000, 3_600_000, 90_061_000].map(formatUptime), [
      '0:00',
      '0:59',
      '1:00',
      '59:59',
      '1:00:00',
      '25:01:01',
    ])
  })

  it('name errors by what tells them apart and leave out what is no error', () => {
    const outcomes = ['ok', 'input_required', 'task', 'tool_error', 'upstream_failed closed'].map(
      (label) => ({ label, count: 2 }),
    )
    assert.equal(formatErrors(numbers(10, outcomes)), 'tool_error 2, closed 2')
  })
})

describe('a line of the screen', () => {
  it('is cut with an ellipsis', () => {
    assert.equal(textOf(fit(line(piece('abc'), piece('defgh', 'bad')), 6)), 'abcde…')
  })

  it('that wraps is left whole and takes as many rows as it needs', () => {
    const long = { ...line(piece('x'.repeat(81))), wraps: true }
    assert.equal(textOf(fit(long, 80)).length, 81)
    assert.equal(heightOf(long, 80), 2)
  })

  it('has colours only when they are wanted', () => {
    const one = line(piece('a'), piece('b', 'bad'))
    assert.equal(paint(one, true), 'a\u001b[31mb\u001b[0m')
    assert.equal(paint(one, false), 'ab')
  })
})

describe('the screen', () => {
  function newScreen(): { screen: Screen; take: () => string } {
    let written = ''
    const screen = new Screen({
      color: false,
      columns: () => 80,
      write: (text) => {
        written += text
      },
    })
    const take = (): string => {
      const text = written
      written = ''
      return text
    }
    return { screen, take }
  }

  it('is entered with a hidden cursor and left with a shown one, once', () => {
    const { screen, take } = newScreen()
    screen.enter()
    assert.equal(take(), '\u001b[?1049h\u001b[?25l')
    screen.leave()
    screen.leave()
    assert.equal(take(), '\u001b[?25h\u001b[?1049l')
  })

  it('is not drawn on once it is left', () => {
    const { screen, take } = newScreen()
    screen.draw([line(piece('a'))])
    assert.equal(take(), '')
  })

  it('is written only where it changed', () => {
    const { screen, take } = newScreen()
    screen.enter()
    screen.draw([line(piece('a')), line(piece('b'))])
    take()
    screen.draw([line(piece('a')), line(piece('c'))])
    assert.equal(take(), '\u001b[2;1H\u001b[2K\u001b[2;1Hc')
    screen.draw([line(piece('a'))])
    assert.equal(take(), '\u001b[2;1H\u001b[2K')
  })
})

describe('the tail of what a process wrote', () => {
  it('is its last lines, however the writes were cut', () => {
    const tail = new LineTail(2)
    for (const text of ['one\ntw', 'o\n\nthr', 'ee\nfour']) tail.add(text)
    assert.deepEqual(tail.lines(), ['two', 'three', 'four'])
  })

  it('is bounded also when no line ever ends', () => {
    const tail = new LineTail(2)
    for (let i = 0; i < 100; i += 1) tail.add('x'.repeat(1_000))
    assert.equal(tail.lines().join('').length, 300)
  })
})
