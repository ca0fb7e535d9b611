/** How a listener ends: what is on its way on a connection is answered, and nothing is cut. */

import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import { listen, type Listener } from '../../src/http/listener.ts'
import { RawClient } from '../support/raw-client.ts'
import { closeAfterTest } from '../support/scope.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

interface Scene {
  readonly listener: Listener
  /** Replies that have not begun, in the order of their requests. */
  readonly waiting: ServerResponse[]
  readonly open: () => Promise<RawClient>
}

async function scene(): Promise<Scene> {
  const waiting: ServerResponse[] = []
  const listener = await listen((_incoming, outgoing) => void waiting.push(outgoing), {
    host: '127.0.0.1',
    port: 0,
    headerBytesMax: 16_384,
    connectionsMax: 100,
    requestTimeoutMs: 60_000,
    onLimit: () => {},
  })
  assert.ok(!('kind' in listener))
  closeAfterTest(() => listener.destroy())
  return { listener, waiting, open: () => RawClient.open(`http://127.0.0.1:${listener.port}`) }
}

async function replyTo(waiting: readonly ServerResponse[], index: number): Promise<ServerResponse> {
  return waitFor(() => waiting[index], { within: SOON, what: `request ${index}` })
}

describe('A listener that stops', () => {
  it('takes no connection, keeps those that it has, and tells each by its next reply', async () => {
    const { listener, waiting, open } = await scene()
    const client = await open()
    client.send({ path: '/', body: '{}' })
    ;(await replyTo(waiting, 0)).end('one')
    assert.deepEqual((await client.response()).values('connection'), ['keep-alive'])
    await listener.stop()
    await assert.rejects(fetch(`http://127.0.0.1:${listener.port}/`))
    assert.equal(client.ended, false)
    client.send({ path: '/', body: '{}' })
    ;(await replyTo(waiting, 1)).end('two')
    const last = await client.response()
    assert.equal(last.body.toString(), 'two')
    assert.deepEqual(last.values('connection'), ['close'])
    await client.gone()
  })

  it('tells those too whose request was here before, but not in the middle of a reply', async () => {
    const { listener, waiting, open } = await scene()
    const [early, begun] = [await open(), await open()]
    early.send({ path: '/', body: '{}' })
    const late = await replyTo(waiting, 0)
    begun.send({ path: '/', body: '{}' })
    const streaming = await replyTo(waiting, 1)
    streaming.write('half ')
    await begun.until('half')
    await listener.stop()
    late.end('late')
    assert.deepEqual((await early.response()).values('connection'), ['close'])
    streaming.end('whole')
    await begun.until('whole')
    begun.send({ path: '/', body: '{}' })
    ;(await replyTo(waiting, 2)).end('next')
    await begun.until('Connection: close')
  })

  it('is quiet when nobody uses a connection, and not while one replies', async () => {
    const { listener, waiting, open } = await scene()
    const [busy, idle] = [await open(), await open()]
    busy.send({ path: '/', body: '{}' })
    const reply = await replyTo(waiting, 0)
    await listener.stop()
    let quiet = false
    const waiter = async (): Promise<void> => {
      await listener.quiet(40)
      quiet = true
    }
    const waited = waiter()
    // Many times as long as it would take without the reply.
    for (let look = 0; look < 20; look += 1) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(quiet, false)
    reply.end('done')
    await waited
    assert.equal((await busy.response()).body.toString(), 'done')
    assert.equal(idle.ended, false)
    await listener.destroy()
    await idle.gone()
  })

  it('is quiet at once when there is no connection', async () => {
    const { listener } = await scene()
    await listener.stop()
    await listener.quiet(10 * 60_000)
  })
})
