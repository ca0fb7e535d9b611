import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { EventStream } from '../../../src/http/api/event-stream.ts'
import { createMemo } from '../../../src/http/api/memo.ts'
import type { Insight, RecentCall } from '../../../src/insight/views.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { startHttpServer } from '../../support/http-server.ts'
import { closeAfterTest } from '../../support/scope.ts'
import { SOON, waitFor } from '../../support/wait-for.ts'

/** What a stream asks of insight, and no more. */
interface Source {
  version: number
  readonly asked: (number | undefined)[]
}

async function startStream(snapshot: string): Promise<{
  readonly stream: EventStream
  readonly source: Source
  readonly follow: () => Socket
}> {
  const source: Source = { version: 0, asked: [] }
  const insight: Pick<Insight, 'version' | 'recentCalls'> = {
    get version() {
      return source.version
    },
    recentCalls: ({ after }) => {
      source.asked.push(after)
      return { calls: [], lastSeq: source.asked.length, missed: false }
    },
  }
  const stream = new EventStream({
    views: { insight, call: (call: RecentCall) => call },
    snapshotText: () => snapshot,
    everyMs: 5,
  })
  const { port } = await startHttpServer((_request, response) => void stream.add(response, '5m'))
  return {
    stream,
    source,
    follow: () => {
      const socket = connect(port, '127.0.0.1')
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      socket.on('error', () => {})
      closeAfterTest(async () => socket.destroy())
      return socket
    },
  }
}

describe('the event stream', () => {
  it('sends at once, again when something has changed, and now and then when nothing has', async () => {
    const { source, follow } = await startStream('{"a":1}')
    const socket = follow()
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    const events = (): number => text.split('event: snapshot\ndata: {"a":1}\n\n').length - 1
    await waitFor(() => events() === 1, { within: SOON, what: 'the first snapshot' })
    source.version = 1
    await waitFor(() => events() >= 2, { within: SOON, what: 'the second' })
    await waitFor(() => events() >= 4, { within: SOON, what: 'a sign of life' })
    // Each round asks for calls after those of the round before.
    assert.deepEqual(source.asked.slice(0, 3), [-1, 1, 2])
  })

  it('tells less to a follower that reads slowly, and lets one go that does not read', async () => {
    const { stream, source, follow } = await startStream('x'.repeat(1024 * 1024))
    const socket = follow()
    await waitFor(() => stream.subscribers === 1, { within: SOON, what: 'the follower' })
    socket.pause()
    const changes = setInterval(() => {
      source.version += 1
    }, 1)
    closeAfterTest(async () => clearInterval(changes))
    await waitFor(() => stream.subscribers === 0, { within: SOON, what: 'its end' })
    // What waits for a reader is what the sockets hold, not what all rounds would have made.
    assert.ok(source.asked.length < 20, `${source.asked.length} snapshots were made for it`)
  })

  it('forgets a follower that leaves', async () => {
    const { stream, follow } = await startStream('{}')
    const socket = follow()
    await waitFor(() => stream.subscribers === 1, { within: SOON, what: 'the follower' })
    socket.destroy()
    await waitFor(() => stream.subscribers === 0, { within: SOON, what: 'its end' })
  })
})

describe('a memo', () => {
  it('makes a value once for all who ask within its time, and keeps no more keys than it may', () => {
    const clock = new FakeClock()
    const made: string[] = []
    const memo = createMemo(
      (key: string) => {
        made.push(key)
        return key
      },
      { clock, forMs: 100, keysMax: 2 },
    )
    memo('a')
    memo('a')
    clock.advance(100)
    memo('a')
    assert.deepEqual(made, ['a', 'a'])
    memo('b')
    memo('c')
    memo('a')
    assert.deepEqual(made, ['a', 'a', 'b', 'c', 'a'])
  })
})
