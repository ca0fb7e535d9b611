/** How a listener ends: what is on its way on a connection is answered, and nothing is cut. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Client } from '../../src/core/reply.ts'
import type { FastApp } from '../../src/http/fast/front.ts'
import { listen, type Listener } from '../../src/http/listener.ts'
import { RawClient } from '../support/raw-client.ts'
import { closeAfterTest } from '../support/scope.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

/** One reply of the listener, by whichever way its request came. */
interface Reply {
  write(text: string): void
  end(text: string): void
}

interface Scene {
  readonly listener: Listener
  /** Replies that have not begun, in the order of their requests. */
  readonly waiting: Reply[]
  readonly open: () => Promise<RawClient>
}

async function scene(way: string): Promise<Scene> {
  const waiting: Reply[] = []
  const fast: FastApp = {
    routeOf: () => ({ upstream: 'up', endpoint: 'mcp' }),
    receiveWhole: (_head, _body, _route, client) => void waiting.push(replyBy(client)),
    abandoned: () => {},
  }
  const listener = await listen((_incoming, outgoing) => void waiting.push(outgoing), {
    host: '127.0.0.1',
    port: 0,
    headerBytesMax: 16_384,
    connectionsMax: 100,
    requestTimeoutMs: 60_000,
    onLimit: () => {},
    fast: way === 'the fast path' ? () => fast : undefined,
  })
  assert.ok(!('kind' in listener))
  closeAfterTest(() => listener.destroy())
  return { listener, waiting, open: () => RawClient.open(`http://127.0.0.1:${listener.port}`) }
}

function replyBy(client: Client): Reply {
  let begun = false
  return {
    write: (text) => {
      if (!begun) client.head(200, 'OK', [])
      begun = true
      client.write(Buffer.from(text))
    },
    end: (text) => {
      if (!begun) client.head(200, 'OK', ['Content-Length', String(text.length)])
      client.write(Buffer.from(text))
      client.end()
    },
  }
}

async function replyTo(waiting: readonly Reply[], index: number): Promise<Reply> {
  return waitFor(() => waiting[index], { within: SOON, what: `request ${index}` })
}

for (const way of ['the fast path', "Node's server"]) {
  describe(`A listener that stops, by ${way},`, () => {
    it('takes no connection, keeps those that it has, and tells each by its next reply', async () => {
      const { listener, waiting, open } = await scene(way)
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
      const { listener, waiting, open } = await scene(way)
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
      const { listener, waiting, open } = await scene(way)
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
      for (let look = 0; look < 20; look += 1)
        await new Promise((resolve) => setTimeout(resolve, 20))
      assert.equal(quiet, false)
      reply.end('done')
      await waited
      assert.equal((await busy.response()).body.toString(), 'done')
      assert.equal(idle.ended, false)
      await listener.destroy()
      await idle.gone()
    })

    it('is quiet at once when there is no connection', async () => {
      const { listener } = await scene(way)
      await listener.stop()
      await listener.quiet(10 * 60_000)
    })
  })
}
