import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { systemClock } from '../../src/core/clock.ts'
import { newAttempt } from '../../src/core/observer.ts'
import { HttpTransport } from '../../src/upstream/http-transport.ts'
import type { Outbound, ReplySink } from '../../src/upstream/transport.ts'
import { exchangeOf } from '../pipeline/fakes.ts'
import { PoolLog } from '../support/pool-log.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const DEAF: ReplySink = {
  head: () => {},
  data: () => true,
  end: () => {},
  failed: () => {},
  cancelled: () => {},
}

function outboundOf(body: Buffer): Outbound {
  return {
    exchange: exchangeOf('message'),
    body,
    injection: undefined,
    longLived: false,
    attempt: newAttempt(1, 0),
  }
}

function collector(): () => void {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  return () => void (typeof gc === 'function' ? gc() : assert.fail('no gc'))
}

describe('A call that is given up while it waits for a connection', () => {
  it('is forgotten with its body though the connection stays in use', async () => {
    const upstream = await startRawUpstream(() => {})
    const transport = new HttpTransport({
      name: 'up',
      url: new URL(upstream.url),
      headers: { preserveHost: false, set: new Map() },
      connectTimeoutMs: SOON,
      connectionsMax: 1,
      idleMs: 4_000,
      lifetimeMs: Infinity,
      prewarm: 0,
      random: () => 0,
      pools: new PoolLog(),
      headerBytesMax: 16_384,
      clock: systemClock,
      publicOriginOf: undefined,
      onTick: () => {},
    })
    closeAfterTest(() => transport.close())
    transport.send(outboundOf(Buffer.from('hung')), DEAF)
    await upstream.request(0)
    const bodies = Array.from({ length: 10 }, () => {
      const body = Buffer.alloc(100_000)
      transport.send(outboundOf(body), DEAF).abort()
      return new WeakRef(body)
    })
    const collect = collector()
    await waitFor(
      () => {
        collect()
        return bodies.every((body) => body.deref() === undefined)
      },
      { within: SOON, what: 'the bodies to be forgotten' },
    )
    assert.equal(upstream.requests.length, 1)
  })
})
