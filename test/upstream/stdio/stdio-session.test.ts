import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EventStoreLimits } from '../../../src/upstream/stdio/event-store.ts'
import { StdioSession } from '../../../src/upstream/stdio/stdio-session.ts'
import type { Flight } from '../../../src/upstream/transport.ts'
import { EXITED, exchangeFor, FakeProcess, FakeSink, say, wireOf } from './fakes.ts'

interface Posted {
  readonly sink: FakeSink
  readonly flight: Flight
}

/** Clients of this revision know streams that open with an id. */
const PRIMED = { 'mcp-protocol-version': '2025-11-25' }

class Scene {
  now = 0
  unroutable = 0
  replayLost = 0
  readonly process = new FakeProcess()
  readonly session: StdioSession

  constructor(replay: EventStoreLimits = { eventsMax: 100, bytesMax: 1_000_000 }) {
    this.session = new StdioSession(
      {
        id: 'session-1',
        owner: undefined,
        replay,
        nowMs: () => this.now,
        onUnroutable: () => void (this.unroutable += 1),
        onReplayLost: () => void (this.replayLost += 1),
      },
      this.process,
    )
  }

  post(body: string, headers: Readonly<Record<string, string>> = {}): Posted {
    const sink = new FakeSink()
    const exchange = exchangeFor(body, headers)
    const bytes = Buffer.from(body)
    const flight =
      this.session.ask(exchange, bytes, sink) ??
      this.session.post(exchange, bytes, wireOf(body), sink)
    return { sink, flight }
  }

  listen(lastEventId?: string): Posted {
    const sink = new FakeSink()
    return { sink, flight: this.session.listen(lastEventId, sink) }
  }

  say(line: string): void {
    say(line, this.session)
  }
}

const call = (id: unknown, token?: string): string =>
  token === undefined
    ? `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"tools/call"}`
    : `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"tools/call","params":{"_meta":{"progressToken":${token}}}}`
const answer = (id: unknown): string => `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{}}`
const progress = (token: string): string =>
  `{"method":"notifications/progress","params":{"progressToken":${token},"progress":1}}`
const LOG = '{"method":"notifications/message","params":{"level":"info","data":"x"}}'
const CHANGED = '{"method":"notifications/tools/list_changed"}'
const SAMPLING = '{"id":"srv-1","method":"sampling/createMessage","params":{}}'

describe('A message of the client', () => {
  it('goes to the server as it is, but for line breaks', () => {
    const scene = new Scene()
    const body = '{ "id" : 1.0 ,\r\n"method":"ping",\t"big":9007199254740993 }'
    scene.post(body)
    assert.deepEqual(scene.process.lines, [body.replace('\r\n', '  ')])
  })

  it('goes to the server without what stands around it', () => {
    const scene = new Scene()
    scene.post(` ${call(1)}\n`)
    scene.post(`${call(2)} \r\n`)
    scene.post(`\t${call(3, '"t"')}`)
    assert.deepEqual(scene.process.lines, [call(1), call(2), call(3, '"t"')])
  })

  it('that nobody answers is accepted when the process has taken it', () => {
    const scene = new Scene()
    scene.process.slow = true
    const { sink } = scene.post('{"method":"notifications/initialized"}')
    assert.equal(sink.status, undefined)
    scene.process.takeAll()
    assert.deepEqual([sink.status, sink.header('content-length'), sink.ended], [202, '0', true])
  })

  it('that nobody answers is accepted for nobody when its client has gone', () => {
    const scene = new Scene()
    scene.process.slow = true
    const { sink, flight } = scene.post(answer('srv-1'))
    flight.abort()
    scene.process.takeAll()
    assert.equal(sink.status, undefined)
    assert.equal(scene.process.lines.length, 1)
  })
})

describe('The answer to a request', () => {
  it('is found by its id, in whatever order answers come', () => {
    const scene = new Scene()
    const ids = [0, '', '1', 1, 'a']
    const posted = ids.map((id) => scene.post(call(id)))
    for (const id of ids.toReversed()) scene.say(answer(id))
    for (const [index, { sink }] of posted.entries()) {
      assert.deepEqual(sink.messages, [answer(ids[index])])
      assert.deepEqual([sink.ended, sink.header('mcp-session-id')], [true, 'session-1'])
    }
    assert.equal(scene.unroutable, 0)
  })

  it('is found though it spells the id in another way', () => {
    const scene = new Scene()
    const { sink } = scene.post('{"id":1.0,"method":"a"}')
    scene.say('{"id":1,"result":{}}')
    assert.equal(sink.text, '{"id":1,"result":{}}')
  })

  it('that nobody waits for goes to nobody, and is counted', () => {
    const scene = new Scene()
    const { sink } = scene.post(call(1))
    scene.say(answer(2))
    scene.say(answer(1))
    scene.say(answer(1))
    assert.equal(scene.unroutable, 2)
    assert.deepEqual(sink.messages, [answer(1)])
  })

  it('that is an error without an id belongs to the only request there is', () => {
    const error = '{"id":null,"error":{"code":-32700,"message":"m"}}'
    const one = new Scene()
    const { sink } = one.post(call(1))
    one.say(error)
    assert.equal(sink.text, error)
    const two = new Scene()
    const posted = [two.post(call(1)), two.post(call(2))]
    two.say(error)
    assert.equal(two.unroutable, 1)
    assert.ok(posted.every((each) => !each.sink.over))
    const none = new Scene()
    none.say(error)
    assert.equal(none.unroutable, 1)
  })

  it('is none without an id when it is no error', () => {
    const scene = new Scene()
    const { sink } = scene.post(call(1))
    for (const id of ['null', '[1]', `"${'x'.repeat(2_000)}"`])
      scene.say(`{"id":${id},"result":{}}`)
    assert.equal(scene.unroutable, 3)
    assert.equal(sink.over, false)
  })

  it('too long to be kept fails its request alone', () => {
    const scene = new Scene()
    const posted = [scene.post(call(1)), scene.post(call(2))]
    scene.session.failOne('n1', EXITED)
    scene.session.failOne('n7', EXITED)
    assert.equal(posted[0]?.sink.failure, EXITED)
    assert.equal(posted[1]?.sink.over, false)
    assert.equal(scene.unroutable, 1)
  })
})

describe('An id that the client gives twice', () => {
  it('is another one to the server, and the client’s own again in the answer', () => {
    const scene = new Scene()
    const first = scene.post(call(1))
    const second = scene.post('{"method":"tools/list","id": 1.0 }')
    const third = scene.post(call(1))
    const sent = scene.process.lines.map((line) => wireOf(line)[0]?.id?.raw ?? '')
    assert.equal(sent[0], '1')
    assert.equal(new Set(sent).size, 3, sent.join(' '))
    scene.say(`{"id":${sent[1]},"result":{"n":2}}`)
    scene.say(`{"result":{"n":3},"id": ${sent[2]} }`)
    scene.say('{"id":1,"result":{"n":1}}')
    assert.equal(second.sink.text, '{"id":1.0,"result":{"n":2}}')
    assert.equal(third.sink.text, '{"result":{"n":3},"id": 1 }')
    assert.equal(first.sink.text, '{"id":1,"result":{"n":1}}')
  })

  it('is one to the server that the client has not given as an id or a token itself', () => {
    const scene = new Scene()
    const own = scene.post(call('sidelight-1'))
    scene.post(call(2, '"sidelight-2"'))
    scene.post(call(1))
    const again = scene.post(call(1))
    const id = wireOf(scene.process.lines[3] ?? '')[0]?.id?.raw
    assert.equal(id, '"sidelight-3"')
    scene.say(`{"id":${id},"result":{"n":2}}`)
    scene.say('{"id":"sidelight-1","result":{"n":1}}')
    assert.equal(again.sink.text, '{"id":1,"result":{"n":2}}')
    assert.equal(own.sink.text, '{"id":"sidelight-1","result":{"n":1}}')
  })

  it('may be given again once it has been answered', () => {
    const scene = new Scene()
    for (let i = 0; i < 3; i += 1) {
      const { sink } = scene.post(call(0))
      assert.equal(scene.process.lines.at(-1), call(0))
      scene.say(answer(0))
      assert.equal(sink.text, answer(0))
    }
  })

  it('may stand twice in one batch', () => {
    const scene = new Scene()
    const { sink } = scene.post(`[${call(5)},${call(5)},${call(5)}]`)
    const ids = scene.process.lines.map((line) => wireOf(line)[0]?.id?.raw ?? '')
    assert.equal(new Set(ids).size, 3)
    for (const id of ids.toReversed()) scene.say(`{"id":${id},"result":{}}`)
    assert.deepEqual(
      sink.messages,
      Array.from({ length: 3 }, () => '{"id":5,"result":{}}'),
    )
    assert.ok(sink.ended)
  })

  it('beyond 2^53 is told from its neighbour', () => {
    const scene = new Scene()
    const low = scene.post('{"id":9007199254740992,"method":"a"}')
    const high = scene.post('{"id":9007199254740993,"method":"b"}')
    const id = wireOf(scene.process.lines[1] ?? '')[0]?.id?.raw
    scene.say(`{"id":${id},"result":"high"}`)
    scene.say('{"id":9007199254740992,"result":"low"}')
    assert.equal(high.sink.text, '{"id":9007199254740993,"result":"high"}')
    assert.equal(low.sink.text, '{"id":9007199254740992,"result":"low"}')
  })
})

describe('Progress', () => {
  it('goes to the request with its token', () => {
    const scene = new Scene()
    const posted = ['0', '""', '"1"', '1'].map((token, id) => scene.post(call(id, token)))
    for (const token of ['"1"', '0', '1', '""', '1.0']) scene.say(progress(token))
    const seen = posted.map(({ sink }) => (sink.status === undefined ? [] : sink.messages))
    assert.deepEqual(seen, [
      [progress('0')],
      [progress('""')],
      [progress('"1"')],
      [progress('1'), progress('1.0')],
    ])
  })

  it('goes to its request though another one alone takes streams', () => {
    const scene = new Scene()
    const silent = scene.post(call(1, '7'), { accept: 'application/json' })
    const other = scene.post(call(2, '8'))
    scene.say(progress('7'))
    assert.equal(scene.unroutable, 1)
    assert.equal(silent.sink.status, undefined)
    assert.equal(other.sink.status, undefined)
  })
})

describe('What the server says besides', () => {
  it('goes to the one request that is open', () => {
    const scene = new Scene()
    const { sink } = scene.post(call(1))
    const get = scene.listen()
    scene.say(SAMPLING)
    scene.say(LOG)
    assert.deepEqual(sink.messages, [SAMPLING, LOG])
    assert.deepEqual(get.sink.messages, [])
  })

  it('goes to the GET stream when it is about the server as a whole', () => {
    const scene = new Scene()
    const { sink } = scene.post(call(1))
    const get = scene.listen()
    const lines = [
      CHANGED,
      '{"method":"notifications/prompts/list_changed"}',
      '{"method":"notifications/resources/list_changed"}',
      '{"method":"notifications/resources/updated","params":{"uri":"a:b"}}',
    ]
    for (const line of lines) scene.say(line)
    assert.deepEqual(get.sink.messages, lines)
    assert.equal(sink.status, undefined)
  })

  it('goes to the GET stream when more than one request is open, or none', () => {
    const scene = new Scene()
    const get = scene.listen()
    scene.say(SAMPLING)
    const posted = [scene.post(call(1)), scene.post(call(2))]
    scene.say(LOG)
    assert.deepEqual(get.sink.messages, [SAMPLING, LOG])
    assert.ok(posted.every(({ sink }) => sink.status === undefined))
  })

  it('goes to the newest open request when nobody listens', () => {
    const scene = new Scene()
    const [older, newer] = [scene.post(call(1)), scene.post(call(2))]
    scene.say(SAMPLING)
    assert.deepEqual(newer.sink.messages, [SAMPLING])
    assert.equal(older.sink.status, undefined)
  })

  it('waits for the GET stream when nobody can be told, in order', () => {
    const scene = new Scene()
    scene.say(CHANGED)
    scene.say(SAMPLING)
    const get = scene.listen()
    scene.say(LOG)
    assert.deepEqual(get.sink.events, [
      { id: 'g.1', data: CHANGED },
      { id: 'g.2', data: SAMPLING },
      { id: 'g.3', data: LOG },
    ])
  })
})

describe('The GET stream', () => {
  it('says at once that it is there', () => {
    const { sink } = new Scene().listen()
    assert.ok(sink.streams)
    assert.deepEqual(
      [sink.status, sink.header('mcp-session-id'), sink.text],
      [200, 'session-1', ''],
    )
  })

  it('is given what its client missed while it was away, once', () => {
    const scene = new Scene()
    const first = scene.listen()
    scene.say(CHANGED)
    first.flight.abort()
    scene.say(LOG)
    const second = scene.listen()
    assert.deepEqual(second.sink.events, [{ id: 'g.2', data: LOG }])
    second.flight.abort()
    assert.deepEqual(scene.listen().sink.events, [])
  })

  it('goes on after the event that its client names', () => {
    const scene = new Scene()
    const first = scene.listen()
    for (const line of [CHANGED, LOG, SAMPLING]) scene.say(line)
    first.flight.abort()
    assert.ok(scene.session.canResume('g.1'))
    const ids = (posted: Posted): unknown => posted.sink.events.map(({ id }) => id)
    assert.deepEqual(ids(scene.listen('g.1')), ['g.2', 'g.3'])
    assert.deepEqual(ids(scene.listen('g.3')), [])
    assert.deepEqual(ids(scene.listen('g.0')), ['g.1', 'g.2', 'g.3'])
  })

  it('ends when its client opens another', () => {
    const scene = new Scene()
    const first = scene.listen()
    const second = scene.listen()
    assert.ok(first.sink.ended)
    first.flight.abort()
    scene.say(CHANGED)
    assert.deepEqual(second.sink.messages, [CHANGED])
  })

  it('is given what is left when some of what waited is gone, and the loss is counted once', () => {
    const scene = new Scene({ eventsMax: 2, bytesMax: 1_000 })
    for (const line of [CHANGED, LOG, SAMPLING]) scene.say(line)
    const first = scene.listen()
    assert.deepEqual(first.sink.messages, [LOG, SAMPLING])
    assert.equal(scene.replayLost, 1)
    first.flight.abort()
    scene.listen()
    assert.equal(scene.replayLost, 1)
  })

  it('goes on after an event that is gone, with what is left, but not after one that there never was', () => {
    const scene = new Scene({ eventsMax: 2, bytesMax: 1_000 })
    for (const line of [CHANGED, LOG, SAMPLING]) scene.say(line)
    const can = (id: string | undefined): boolean => scene.session.canResume(id)
    assert.deepEqual(['g.0', 'g.1', 'g.3', 'g.4', 'p9.0', 'x', ''].map(can), [
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ])
    assert.equal(can(undefined), true)
  })
})

describe('A request whose client hangs up', () => {
  it('is not taken back from the server', () => {
    const scene = new Scene()
    const { flight } = scene.post(call(1), PRIMED)
    flight.abort()
    assert.equal(scene.process.lines.length, 1)
  })

  it('gives its client the answer when it comes back', () => {
    const scene = new Scene()
    const lost = scene.post(call(1, '5'), PRIMED)
    assert.deepEqual(lost.sink.events, [{ id: 'p1.0', data: '' }])
    scene.say(progress('5'))
    lost.flight.abort()
    scene.say(progress('5'))
    assert.ok(scene.session.canResume('p1.1'))
    const back = scene.listen('p1.1')
    scene.say(answer(1))
    assert.deepEqual(back.sink.events, [
      { id: 'p1.2', data: progress('5') },
      { id: 'p1.3', data: answer(1) },
    ])
    assert.ok(back.sink.ended)
    assert.equal(lost.sink.messages.length, 1)
  })

  it('gives its client the answer that came in the meantime', () => {
    const scene = new Scene()
    const lost = scene.post(call(1), PRIMED)
    lost.flight.abort()
    scene.say(answer(1))
    for (let i = 0; i < 2; i += 1) {
      const back = scene.listen('p1.0')
      assert.deepEqual(back.sink.messages, [answer(1)])
      assert.ok(back.sink.ended)
    }
    assert.deepEqual(scene.listen('p1.1').sink.messages, [])
  })

  it('goes on with the connection that came last, though the one before ends later', () => {
    const scene = new Scene()
    const lost = scene.post(call(1), PRIMED)
    const back = scene.listen('p1.0')
    assert.ok(lost.sink.ended, 'the stream is in one place')
    lost.flight.abort()
    lost.flight.resume()
    scene.say(answer(1))
    assert.deepEqual(back.sink.messages, [answer(1)])
  })

  it('is known no more when its events have gone', () => {
    const scene = new Scene({ eventsMax: 1, bytesMax: 1_000 })
    const lost = scene.post(call(1, '5'), PRIMED)
    scene.say(progress('5'))
    lost.flight.abort()
    scene.say(answer(1))
    assert.equal(scene.session.canResume('p1.0'), false)
    assert.equal(scene.session.canResume('p1.1'), true)
    scene.post(call(2), PRIMED)
    scene.say(answer(2))
    assert.equal(scene.session.canResume('p1.1'), false)
  })

  it('before its revision knew of resuming has a body, when the answer comes first', () => {
    const scene = new Scene()
    const { sink } = scene.post(call(1), { 'mcp-protocol-version': '2025-06-18' })
    scene.say(answer(1))
    assert.deepEqual([sink.header('content-type'), sink.text], ['application/json', answer(1)])
  })
})

describe('A request that its client takes back', () => {
  const cancel = '{"method":"notifications/cancelled","params":{"requestId":1}}'

  it('is taken back from the server, and its reply is told so', () => {
    for (const headers of [{}, PRIMED, { accept: 'application/json' }]) {
      const scene = new Scene()
      const { sink } = scene.post(call(1), headers)
      const note = scene.post(cancel)
      assert.equal(scene.process.lines.at(-1), cancel)
      assert.ok(sink.takenBack)
      assert.deepEqual(sink.messages, [])
      assert.equal(note.sink.status, 202)
      scene.say(answer(1))
      assert.equal(scene.unroutable, 1)
      assert.equal(scene.session.busy, false)
    }
  })

  it('leaves those with other ids alone', () => {
    const scene = new Scene()
    const { sink } = scene.post(call('1'))
    scene.post(cancel)
    scene.say(answer('1'))
    assert.deepEqual(sink.messages, [answer('1')])
  })
})

describe('A batch', () => {
  it('goes to the server in lines, and its answers come as a stream that ends with the last', () => {
    const scene = new Scene()
    const note = '{"method":"notifications/x"}'
    const { sink } = scene.post(`[${call(1)}, ${note},\n${call(2)}]`)
    assert.deepEqual(scene.process.lines, [call(1), note, call(2)])
    scene.say(`[${answer(2)}]`)
    assert.equal(sink.ended, false)
    scene.say(answer(1))
    assert.deepEqual(sink.messages, [answer(2), answer(1)])
    assert.ok(sink.ended)
  })

  it('of the server is told apart', () => {
    const scene = new Scene()
    const posted = [scene.post(call(1)), scene.post(call(2))]
    scene.say(` [ ${answer(2)} , ${answer(1)} ] `)
    assert.deepEqual(
      posted.map(({ sink }) => sink.text),
      [answer(1), answer(2)],
    )
  })

  it('without requests is accepted', () => {
    const scene = new Scene()
    const { sink } = scene.post('[{"method":"a"},{"id":1,"result":{}}]')
    assert.equal(sink.status, 202)
    assert.equal(scene.process.lines.length, 2)
  })
})

describe('A session whose process has ended', () => {
  it('fails what is under way and ends the GET stream', () => {
    const scene = new Scene()
    const posted = [scene.post(call(1)), scene.post(call(2), PRIMED)]
    const get = scene.listen()
    scene.session.fail(EXITED)
    for (const { sink } of posted) assert.equal(sink.failure, EXITED)
    assert.ok(get.sink.ended)
    assert.equal(scene.session.busy, false)
  })
})

describe('A session that its client ends', () => {
  it('has taken back what is under way, and ends the GET stream', () => {
    const scene = new Scene()
    const posted = [scene.post(call(1)), scene.post(call(2), PRIMED)]
    const get = scene.listen()
    scene.session.end()
    assert.ok(posted.every(({ sink }) => sink.takenBack && sink.failure === undefined))
    assert.ok(get.sink.ended)
    assert.deepEqual([scene.session.busy, scene.session.openRequests], [false, 0])
  })
})

describe('A session', () => {
  it('is busy while a client waits or listens', () => {
    const scene = new Scene()
    const { session } = scene
    assert.equal(session.busy, false)
    const posted = scene.post(call(1), PRIMED)
    assert.equal(session.busy, true)
    posted.flight.abort()
    assert.equal(session.busy, false)
    const back = scene.listen('p1.0')
    assert.equal(session.busy, true)
    scene.say(answer(1))
    assert.ok(back.sink.ended)
    assert.equal(session.busy, false)
    const get = scene.listen()
    assert.equal(session.busy, true)
    get.flight.abort()
    assert.equal(session.busy, false)
  })

  it('counts the requests that have no answer, those of clients that have gone included', () => {
    const scene = new Scene()
    const { session } = scene
    const gone = scene.post(call(1))
    gone.flight.abort()
    scene.post(`[${call(2)},${call(3)}]`)
    scene.post('{"method":"notifications/x"}')
    assert.equal(session.openRequests, 3)
    scene.say(answer(1))
    assert.equal(session.openRequests, 2)
    scene.post('{"method":"notifications/cancelled","params":{"requestId":2}}')
    assert.equal(session.openRequests, 1)
    session.fail(EXITED)
    assert.equal(session.openRequests, 0)
  })

  it('remembers when it was used last', () => {
    const scene = new Scene()
    scene.now = 5
    scene.post(call(1))
    assert.equal(scene.session.lastUsedMs, 5)
    scene.now = 9
    scene.listen()
    assert.equal(scene.session.lastUsedMs, 9)
  })

  it('keeps its silent streams alive', () => {
    const scene = new Scene()
    const { sink } = scene.post(call(1))
    const get = scene.listen()
    scene.session.tick(1_000)
    assert.ok(sink.streams)
    scene.session.tick(16_000)
    scene.session.tick(31_000)
    assert.match(get.sink.text, /^: keepalive\n\n/)
    assert.match(sink.text, /: keepalive\n\n/)
  })
})

describe('A reader that cannot keep up', () => {
  const BIG = `{"method":"notifications/message","params":"${'x'.repeat(700_000)}"}`
  /** More than 1 MiB behind. */
  const fallBehind = (scene: Scene, { sink }: Posted): void => {
    sink.keepsUp = false
    for (let i = 0; i < 2; i += 1) scene.say(BIG)
    assert.equal(scene.process.paused, true)
  }

  it('stops the server’s output until it has caught up', () => {
    const scene = new Scene()
    const posted = scene.post(call(1))
    posted.sink.keepsUp = false
    scene.say(BIG)
    assert.equal(scene.process.paused, false, 'it is not far behind yet')
    scene.say(BIG)
    assert.equal(scene.process.paused, true)
    posted.flight.resume()
    assert.equal(scene.process.paused, false)
  })

  it('lets the server go on when it goes, fails, takes its request back, or comes back', () => {
    const ways: readonly ((scene: Scene, posted: Posted) => void)[] = [
      (_scene, { flight }) => flight.abort(),
      (scene) => scene.session.failOne('n1', EXITED),
      (scene) => void scene.post('{"method":"notifications/cancelled","params":{"requestId":1}}'),
      (scene) => void scene.listen('p1.0'),
    ]
    for (const [index, way] of ways.entries()) {
      const scene = new Scene({ eventsMax: 100, bytesMax: 10_000_000 })
      const posted = scene.post(call(1), PRIMED)
      fallBehind(scene, posted)
      way(scene, posted)
      assert.equal(scene.process.paused, false, `way ${index}`)
    }
  })

  it('holds the server back though its request has been answered, until it has all of it', () => {
    for (const leave of [false, true]) {
      const scene = new Scene({ eventsMax: 100, bytesMax: 10_000_000 })
      const posted = scene.post(call(1), PRIMED)
      fallBehind(scene, posted)
      scene.say(answer(1))
      assert.equal(scene.process.paused, true)
      assert.equal(posted.sink.ended, false)
      if (leave) posted.flight.abort()
      else posted.flight.resume()
      assert.equal(scene.process.paused, false)
      assert.equal(posted.sink.ended, !leave)
    }
  })

  it('of a large answer holds the server back until it has taken it', () => {
    const scene = new Scene()
    const posted = scene.post(call(1))
    posted.sink.keepsUp = false
    scene.say(`{"id":1,"result":"${'x'.repeat(2_000_000)}"}`)
    assert.equal(posted.sink.status, 200)
    assert.deepEqual([scene.process.paused, posted.sink.ended], [true, false])
    posted.flight.resume()
    assert.deepEqual([scene.process.paused, posted.sink.ended], [false, true])
  })

  it('of the GET stream lets the server go on when another one comes', () => {
    const scene = new Scene()
    const get = scene.listen()
    fallBehind(scene, get)
    scene.listen()
    assert.equal(scene.process.paused, false)
  })
})
