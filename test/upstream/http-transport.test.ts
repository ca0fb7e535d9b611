import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { newAttempt } from '../../src/core/observer.ts'
import type { Outbound, ReplySink } from '../../src/upstream/transport.ts'
import { exchangeOf } from '../pipeline/fakes.ts'
import { openTransport } from '../support/http-transport.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
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
    const transport = openTransport(upstream.url, { connectionsMax: 1 })
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
