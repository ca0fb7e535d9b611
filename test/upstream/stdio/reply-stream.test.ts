import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ReplyStream, type ReplyStreamOptions } from '../../../src/upstream/stdio/reply-stream.ts'
import { EXITED, FakeSink } from './fakes.ts'

const ANSWER = Buffer.from('{"id":1,"result":{}}')
const NOTE = Buffer.from('{"method":"n"}')

function newStream(options: Partial<ReplyStreamOptions> = {}): {
  readonly stream: ReplyStream
  readonly sink: FakeSink
} {
  const sink = new FakeSink()
  const stream = new ReplyStream({
    sink,
    acceptsStream: true,
    headers: ['Mcp-Session-Id', 's'],
    store: undefined,
    priming: undefined,
    nowMs: 0,
    ...options,
  })
  return { stream, sink }
}

describe('The reply to a request', () => {
  it('is a JSON body when the answer comes first', () => {
    const { stream, sink } = newStream()
    stream.answer(ANSWER, 200)
    assert.deepEqual(
      [sink.status, sink.header('content-type'), sink.header('content-length')],
      [200, 'application/json', '20'],
    )
    assert.equal(sink.header('mcp-session-id'), 's')
    assert.equal(sink.text, ANSWER.toString())
    assert.ok(sink.ended && stream.over)
  })

  it('has the status of the answer while no head has been sent', () => {
    const { stream, sink } = newStream()
    stream.answer(ANSWER, 404)
    assert.equal(sink.status, 404)
    const streaming = newStream()
    streaming.stream.message(NOTE)
    streaming.stream.answer(ANSWER, 404)
    assert.equal(streaming.sink.status, 200)
  })

  it('is a stream when something comes before the answer, which ends it', () => {
    const { stream, sink } = newStream()
    assert.equal(stream.message(NOTE), true)
    assert.ok(sink.streams)
    assert.equal(sink.header('mcp-session-id'), 's')
    stream.answer(ANSWER, 200)
    assert.deepEqual(sink.messages, [NOTE.toString(), ANSWER.toString()])
    assert.ok(sink.ended)
  })

  it('leaves out what is not the answer for clients that take nothing but JSON', () => {
    const { stream, sink } = newStream({ acceptsStream: false })
    assert.equal(stream.message(NOTE), false)
    stream.tick(60_000)
    assert.equal(sink.status, undefined)
    stream.answer(ANSWER, 200)
    assert.equal(sink.text, ANSWER.toString())
  })

  it('has a head even when nothing is said at all', () => {
    for (const [acceptsStream, status] of [
      [true, 200],
      [false, 202],
    ] as const) {
      const { stream, sink } = newStream({ acceptsStream })
      stream.end()
      assert.deepEqual([sink.status, sink.text, sink.ended], [status, '', true])
    }
  })

  it('is said once: nothing follows the answer, the end or a failure', () => {
    for (const finish of ['answer', 'end', 'fail'] as const) {
      const { stream, sink } = newStream()
      if (finish === 'answer') stream.answer(ANSWER, 200)
      if (finish === 'end') stream.end()
      if (finish === 'fail') stream.fail(EXITED)
      const { text } = sink
      stream.open()
      assert.equal(stream.message(NOTE), false)
      stream.answer(ANSWER, 200)
      stream.end()
      stream.fail(EXITED)
      stream.tick(1_000_000)
      assert.equal(sink.text, text)
      assert.equal(sink.failure, finish === 'fail' ? EXITED : undefined)
    }
  })

  it('fails when its server is gone, whether its head was sent or not', () => {
    for (const streaming of [false, true]) {
      const { stream, sink } = newStream()
      if (streaming) stream.open()
      stream.fail(EXITED)
      assert.equal(sink.failure, EXITED)
    }
  })
})

describe('A reply that is silent', () => {
  it('becomes a stream after a second, and not before', () => {
    const { stream, sink } = newStream({ nowMs: 500 })
    stream.tick(1_499)
    assert.equal(sink.status, undefined)
    stream.tick(1_500)
    assert.ok(sink.streams)
    stream.tick(2_500)
    assert.equal(sink.text, '')
  })

  it('says every 15 seconds that it lives', () => {
    const { stream, sink } = newStream()
    stream.open()
    for (let now = 1_000; now <= 31_000; now += 1_000) stream.tick(now)
    assert.equal(sink.text, ': keepalive\n\n'.repeat(2))
  })

  it('counts the time from what it said last', () => {
    const { stream, sink } = newStream()
    stream.message(NOTE)
    const { text } = sink
    stream.tick(10_000)
    stream.tick(24_999)
    assert.equal(sink.text, text)
    stream.tick(25_000)
    assert.equal(sink.text, `${text}: keepalive\n\n`)
  })
})

describe('A stream that can be resumed', () => {
  const resumable = (): ReturnType<typeof newStream> & { readonly stored: string[] } => {
    const stored: string[] = []
    const made = newStream({
      priming: 'p1.0',
      store: (message) => `p1.${stored.push(message.toString())}`,
    })
    return { ...made, stored }
  }

  it('opens with an id, and gives each event one', () => {
    const { stream, sink } = resumable()
    stream.open()
    stream.message(NOTE)
    stream.answer(ANSWER, 200)
    assert.deepEqual(sink.events, [
      { id: 'p1.0', data: '' },
      { id: 'p1.1', data: NOTE.toString() },
      { id: 'p1.2', data: ANSWER.toString() },
    ])
  })

  it('keeps what is said while nobody listens, and says it to whoever comes back', () => {
    const { stream, sink, stored } = resumable()
    stream.open()
    stream.detach(sink)
    assert.equal(stream.attached, false)
    assert.equal(stream.message(NOTE), true)
    assert.deepEqual(stored, [NOTE.toString()])
    assert.deepEqual(sink.messages, [], 'the one that has gone hears nothing')
    const back = new FakeSink()
    stream.attach(back, ['Mcp-Session-Id', 's'], [Buffer.from('id: p1.1\ndata: replayed\n\n')])
    assert.equal(stream.attached, true)
    stream.answer(ANSWER, 200)
    assert.deepEqual(back.events, [
      { id: 'p1.1', data: 'replayed' },
      { id: 'p1.2', data: ANSWER.toString() },
    ])
    assert.equal(back.header('mcp-session-id'), 's')
    assert.ok(back.ended)
    assert.equal(sink.over, false, 'its connection is closed by its own end')
  })

  it('that was never opened is a stream for whoever comes back', () => {
    const { stream, sink } = resumable()
    stream.detach(sink)
    const back = new FakeSink()
    stream.attach(back, [], [])
    assert.ok(back.streams)
    stream.answer(ANSWER, 200)
    assert.deepEqual(back.messages, [ANSWER.toString()])
  })

  it('belongs to the newest listener: the one before is ended, and its going changes nothing', () => {
    const { stream, sink } = resumable()
    stream.open()
    const back = new FakeSink()
    stream.attach(back, [], [])
    assert.ok(sink.ended)
    stream.detach(sink)
    assert.equal(stream.attached, true)
    stream.message(NOTE)
    assert.deepEqual(back.messages, [NOTE.toString()])
  })
})

describe('A reader that cannot keep up', () => {
  const event = 'event: message\ndata: {"method":"n"}\n\n'.length

  it('is behind by what was written since it said so, and by what made it say so', () => {
    const { stream, sink } = newStream()
    stream.message(NOTE)
    assert.equal(stream.behindBytes, 0)
    sink.keepsUp = false
    stream.message(NOTE)
    assert.equal(stream.behindBytes, event)
    sink.keepsUp = true
    stream.message(NOTE)
    assert.equal(stream.behindBytes, 2 * event, 'until it has said that it has caught up')
    stream.caughtUp(sink)
    assert.equal(stream.behindBytes, 0)
    stream.message(NOTE)
    assert.equal(stream.behindBytes, 0, 'it is asked anew whether it keeps up')
  })

  it('is behind by an answer that it has not taken, and its reply ends when it has', () => {
    for (const streaming of [false, true]) {
      const { stream, sink } = newStream()
      if (streaming) stream.open()
      sink.keepsUp = false
      stream.answer(ANSWER, 200)
      assert.ok(stream.over && stream.attached && !sink.ended)
      assert.ok(stream.behindBytes >= ANSWER.length)
      stream.fail(EXITED)
      assert.equal(sink.failure, undefined, 'its answer has come')
      stream.caughtUp(sink)
      assert.ok(sink.ended && !stream.attached)
      assert.equal(stream.behindBytes, 0)
    }
  })

  it('is owed nothing more when it goes before it has taken its answer', () => {
    const { stream, sink } = newStream()
    sink.keepsUp = false
    stream.answer(ANSWER, 200)
    stream.detach(sink)
    assert.deepEqual([stream.attached, stream.behindBytes, sink.ended], [false, 0, false])
    stream.caughtUp(sink)
    assert.equal(sink.ended, false)
  })

  it('that goes is behind no more, and neither is the one that comes', () => {
    const { stream, sink } = newStream()
    sink.keepsUp = false
    for (let i = 0; i < 3; i += 1) stream.message(NOTE)
    assert.ok(stream.behindBytes > 0)
    stream.detach(sink)
    assert.equal(stream.behindBytes, 0)
    stream.attach(new FakeSink(), [], [])
    assert.equal(stream.behindBytes, 0)
  })
})
