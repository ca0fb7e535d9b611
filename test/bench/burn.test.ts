/** What makes calls dearer on purpose reaches every call, whatever reads it: else the gate proves nothing. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCaller } from '../../bench/caller.ts'
import { besideProgram, startHelper } from '../../bench/launch.ts'
import { pathOf, shape } from '../../bench/shapes.ts'
import { startPlain, TELEMETRY_OFF } from '../../bench/target-sidelight.ts'

const BURN_MS = 400

test('a call through Sidelight is held up for as long as is asked for, on a connection kept alive too', async (t) => {
  const upstream = await startHelper('processes/upstream.ts', undefined)
  t.after(() => upstream.child.stop())
  const small = shape('json-200B', 200, 1)
  const place = {
    shape: small,
    upstreamPort: upstream.port,
    pinning: undefined,
    caller: await createCaller(),
    source: true,
    nodeArgs: besideProgram('burn.ts'),
  }
  const env = { ...TELEMETRY_OFF, BENCH_BURN_US: String(BURN_MS * 1_000) }
  const target = await startPlain('bare', place, env)
  t.after(() => target.stop())

  const direct = `http://127.0.0.1:${upstream.port}${pathOf(small)}`
  const through = `http://127.0.0.1:${target.port}${target.path}`
  const fastest = Math.min(await call(direct), await call(direct))
  for (let calls = 0; calls < 3; calls += 1) assert.ok((await call(through)) >= BURN_MS)
  assert.ok(fastest < BURN_MS, 'this machine is too slow to tell')
})

/** Resolves to how long the call has taken, in milliseconds. */
async function call(url: string): Promise<number> {
  const before = performance.now()
  const reply = await fetch(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body: '{"jsonrpc":"2.0","id":1000000000,"method":"tools/call","params":{"name":"search","arguments":{}}}',
  })
  assert.equal(reply.status, 200)
  assert.equal((await reply.text()).length, 200)
  return performance.now() - before
}
