/** `sidelight top` against a sidecar that really carries calls. */

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { CommandContext } from '../../src/cli/command.ts'
import { topCommand } from '../../src/cli/top.ts'
import { takePicture, type Picture } from '../../src/cli/top/client.ts'
import { renderTop, type Shown, type Sort } from '../../src/cli/top/view.ts'
import { textOf } from '../../src/cli/demo/text.ts'
import { systemClock } from '../../src/core/clock.ts'
import { startHttpServer } from '../support/http-server.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { bounded, signal, SOON, waitFor } from '../support/wait-for.ts'

interface Rig {
  readonly context: CommandContext
  readonly out: () => string
  readonly err: () => string
  readonly press: (key: string) => void
  readonly stop: () => void
}

function rig(live: boolean): Rig {
  let out = ''
  let err = ''
  let listener: ((key: string) => void) | undefined
  const stopped = signal<NodeJS.Signals>()
  const context: CommandContext = {
    env: {},
    version: '0.0.0-test',
    clock: systemClock,
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    stdin: () => process.stdin,
    stdout: () => process.stdout,
    stopped: stopped.promise,
    onHangup: () => {},
    program: () => assert.fail('nothing is copied'),
    terminal: live
      ? {
          columns: () => 110,
          rows: () => 30,
          onKey: (listen) => {
            listener = listen
            return () => (listener = undefined)
          },
        }
      : undefined,
  }
  return {
    context,
    out: () => out,
    err: () => err,
    press: (key) => listener?.(key),
    stop: () => stopped.resolve('SIGTERM'),
  }
}

async function withCalls(config: Readonly<Record<string, unknown>> = {}): Promise<TestSidecar> {
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({ upstreams: { library: upstream.url }, config })
  for (const name of ['search', 'search', 'reserve']) {
    const reply = await fetch(sidecar.url('library'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}"}}`,
    })
    await reply.arrayBuffer()
  }
  const ended = (): boolean => sidecar.recorder.calls.filter((call) => call.outcome).length === 3
  await waitFor(ended, { within: SOON, what: 'three calls' })
  return sidecar
}

describe('The picture of a sidecar', () => {
  it('is printed once as plain text', async () => {
    const sidecar = await withCalls()
    const { context, out, err } = rig(true)
    const code = await topCommand({ url: sidecar.adminUrl, once: true, sort: 'calls' }, context)
    assert.equal(err(), '')
    assert.equal(code, 0)
    assert.ok(!out().includes('\u001b'))
    const lines = out().split('\n')
    assert.match(lines[0] ?? '', /^Sidelight 0\.0\.0-test at http:\S+, up 0:\d\d, ready: UNKNOWN$/)
    assert.match(
      lines[1] ?? '',
      /^last 5m: 3 calls, [\d.]+\/s, 0% errors, p50 [\d.]+ p95 [\d.]+ ms, 0 in flight$/,
    )
    assert.match(lines[2] ?? '', /^upstream +health +calls +\/s +err +open +p50 +p95 +p99$/)
    assert.match(lines[3] ?? '', /^library +UNKNOWN +3 +[\d.]+ +0% +0 /)
    assert.match(lines[4] ?? '', /^tool, by calls +tokens /)
    assert.match(lines[5] ?? '', /^library search +\d+ +2 /)
    assert.match(lines[6] ?? '', /^library reserve +\d+ +1 /)
  })

  it('needs a token where the admin plane does, and is told so', async () => {
    const directory = await temporaryDirectory()
    const file = join(directory, 'token')
    await writeFile(file, 'canary-top-0123456789\n')
    const tokens = [{ name: 'top', file, permissions: ['read'] }]
    const sidecar = await withCalls({ auth: { admin: { tokens } } })
    const without = rig(false)
    const url = sidecar.adminUrl
    assert.equal(await topCommand({ url, once: true }, without.context), 1)
    assert.equal(without.err(), `sidelight top: ${url}: it wants a token: --token-file FILE\n`)
    const withToken = rig(false)
    assert.equal(await topCommand({ url, once: true, 'token-file': file }, withToken.context), 0)
    assert.match(withToken.out(), /^library search /m)
    const missing = join(directory, 'nothing')
    const unreadable = rig(false)
    assert.equal(
      await topCommand({ url, once: true, 'token-file': missing }, unreadable.context),
      1,
    )
    assert.match(unreadable.err(), /nothing cannot be read \(ENOENT\)/)
  })

  it('says when nobody is there, and what is wrong with flags', async () => {
    const nobody = rig(false)
    assert.equal(await topCommand({ url: 'http://127.0.0.1:1', once: true }, nobody.context), 1)
    assert.match(nobody.err(), /cannot be reached \((ECONNREFUSED|bad port)\)/)
    for (const [flags, expected] of [
      [{ url: '127.0.0.1:9464' }, 'an address such as http://127.0.0.1:9464'],
      [{ window: '2m' }, 'one of 1m, 5m, 1h, 24h'],
      [{ sort: 'name' }, 'one of p95, calls, errors, tokens'],
    ] as const) {
      const wrong = rig(false)
      assert.equal(await topCommand(flags, wrong.context), 2)
      assert.ok(wrong.err().endsWith(`expected ${expected}\n`), wrong.err())
    }
  })

  it('is printed now and then where there is no terminal, until it is to stop', async () => {
    const sidecar = await withCalls()
    const { context, out, stop } = rig(false)
    const ended = topCommand({ url: sidecar.adminUrl }, context)
    await waitFor(() => /^library search /m.test(out()), { within: SOON, what: 'a picture' })
    stop()
    assert.equal(await bounded(ended, { within: SOON, what: 'the end' }), 0)
    assert.ok(!out().includes('\u001b'))
  })
})

/** Stands before a sidecar, and can be taken away. */
async function startDoor(to: string): Promise<{ readonly url: string; open: boolean }> {
  const door = { url: '', open: true }
  const { origin } = await startHttpServer((request, response) => {
    if (!door.open) return void request.socket.destroy()
    fetch(`${to}${request.url ?? ''}`).then(
      async (reply) => response.writeHead(reply.status).end(await reply.text()),
      () => request.socket.destroy(),
    )
  })
  door.url = origin
  return door
}

describe('The live view', () => {
  it('survives that the sidecar is away, follows keys, and leaves the terminal as it was', async () => {
    const sidecar = await withCalls()
    const door = await startDoor(sidecar.adminUrl)
    const { context, out, press } = rig(true)
    const ended = topCommand({ url: door.url }, context)
    const shows = (what: RegExp, from = 0): Promise<boolean> =>
      waitFor(() => what.test(stripVTControlCharacters(out().slice(from))), {
        within: 4 * SOON,
        what: String(what),
      })
    await shows(/library search/)
    await shows(/q quit {2}s sort \(p95\) {2}w window \(5m\)/)
    press('s')
    await shows(/s sort \(calls\)/)
    press('w')
    await shows(/last 1h: 3 calls/)
    door.open = false
    await shows(/it cannot be reached \(.*\); trying again/)
    const before = out().length
    door.open = true
    // What stood below the notice moves up again.
    await shows(/library/, before)
    press('q')
    assert.equal(await bounded(ended, { within: SOON, what: 'the end' }), 0)
    assert.ok(out().startsWith('\u001b[?1049h\u001b[?25l'))
    assert.ok(out().endsWith('\u001b[?25h\u001b[?1049l'))
  })

  it('never is wider or higher than the screen, and shows nothing that steers a terminal', async () => {
    const sidecar = await withCalls()
    const picture = await takePicture({ url: sidecar.adminUrl, tokenFile: undefined }, '5m')
    assert.ok(picture.kind === 'picture')
    const evil = '\u001b]0;owned\u0007\u202e\u009b2J\n'
    const hostile = hostilePicture(picture, evil)
    for (const [columns, rows] of [
      [40, 5],
      [80, 24],
      [200, 60],
    ] as const) {
      for (const sort of ['p95', 'calls', 'errors', 'tokens'] as const) {
        const lines = renderTop(hostile, shownBy(sort, evil), { columns, rows }).map(textOf)
        assert.ok(lines.length <= rows)
        for (const text of lines) {
          assert.ok(text.length <= columns, `${text.length} > ${columns}`)
          assert.doesNotMatch(text, /\p{C}/u)
        }
      }
    }
    const wide = renderTop(hostile, shownBy('p95', evil), { columns: 200, rows: 60 }).map(textOf)
    assert.ok(wide.some((text) => text.startsWith('firing critical: ?]0;owned')))
    assert.ok(!wide.some((text) => text.startsWith('upstream (+')))
    assert.ok(wide.some((text) => /^tool, by p95 \(\+\d+\)/.test(text)))
  })
})

function shownBy(sort: Sort, notice: string): Shown {
  return { url: `http://h/${notice}`, window: '5m', sort, notice }
}

function hostilePicture({ snapshot, tools }: Picture, evil: string): Picture {
  const [tool] = tools
  const [upstream] = snapshot.upstreams
  assert.ok(tool !== undefined && upstream !== undefined)
  return {
    kind: 'picture',
    snapshot: {
      ...snapshot,
      build: { ...snapshot.build, version: evil },
      upstreams: Array.from({ length: 20 }, (_, index) => ({
        ...upstream,
        name: `${evil}${index}`,
      })),
      alerts: [
        {
          fingerprint: '1',
          name: evil,
          state: 'firing',
          severity: 'critical',
          labels: {},
          annotations: { summary: evil },
          activeAtMs: 0,
          threshold: 1,
        },
      ],
    },
    tools: Array.from({ length: 1_000 }, (_, index) => ({ ...tool, tool: `${evil}${index}` })),
  }
}
