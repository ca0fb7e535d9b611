import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { SharedProcess } from '../../../src/upstream/stdio/shared-process.ts'
import type { Flight } from '../../../src/upstream/transport.ts'
import { parseJson } from '../../support/json.ts'
import { EXITED, FakeProcess, FakeSink, say, wireOf } from './fakes.ts'

interface Sent {
  readonly sink: FakeSink
  readonly flight: Flight
  /** The id that the server was given, as JSON text. */
  readonly id: string
  /** The line that the server was given. */
  readonly line: string
}

interface Params {
  readonly method?: string
  readonly acceptsStream?: boolean
  /** Members of `_meta`, as JSON text. */
  readonly meta?: string
}

const SUBSCRIPTION = '"io.modelcontextprotocol/subscriptionId"'
const LOG_LEVEL = '"io.modelcontextprotocol/logLevel":"info"'
const LOG = '{"method":"notifications/message","params":{"level":"info","data":"x"}}'

class Scene {
  now = 0
  unroutable = 0
  readonly process = new FakeProcess()
  readonly shared: SharedProcess

  constructor() {
    this.shared = new SharedProcess(
      { nowMs: () => this.now, onUnroutable: () => void (this.unroutable += 1), onDone: () => {} },
      this.process,
    )
  }

  /** A client sends a request with this id, given as JSON text. */
  send(id: string, { method = 'tools/call', acceptsStream = true, meta = '' }: Params = {}): Sent {
    return this.sendBody(
      `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{"_meta":{${meta}}}}`,
      acceptsStream,
    )
  }

  sendBody(body: string, acceptsStream = true): Sent {
    const sink = new FakeSink()
    const [message] = wireOf(body)
    assert.ok(message)
    const flight = this.shared.request(
      {
        message,
        body: Buffer.from(body),
        acceptsStream,
        listens: message.method === 'subscriptions/listen',
      },
      sink,
    )
    const line = this.process.lines.at(-1) ?? ''
    return { sink, flight, line, id: wireOf(line)[0]?.id?.raw ?? '' }
  }

  say(line: string): void {
    say(line, this.shared)
  }
}

const IDS = ['0', '""', '"1"', '1', '1.0', '1e0', '9007199254740993', '"a\\u0041"', '"é"', '-0']

describe('A request to a server that several clients share', () => {
  it('has an id of its own there, and nothing else in it changes', () => {
    const scene = new Scene()
    const bodies = IDS.map(
      (id) => `{ "x":1.0, "id" : ${id} ,"method":"tools/call","params":{"big":9007199254740993}}`,
    )
    const sent = bodies.map((body) => scene.sendBody(body))
    assert.equal(new Set(sent.map(({ id }) => id)).size, IDS.length)
    for (const [index, { line, id }] of sent.entries()) {
      assert.equal(line, bodies[index]?.replace(`: ${IDS[index]} `, `: ${id} `))
    }
  })

  it('is answered with its own id, byte for byte', () => {
    const scene = new Scene()
    const sent = IDS.map((id) => scene.send(id))
    for (const { id } of sent.toReversed()) scene.say(`{ "result":{"id":7}, "id": ${id} }`)
    for (const [index, { sink }] of sent.entries()) {
      assert.equal(sink.text, `{ "result":{"id":7}, "id": ${IDS[index]} }`)
    }
    assert.equal(scene.shared.load, 0)
  })

  it('is found by its progress token, which comes back byte for byte', () => {
    const scene = new Scene()
    const tokens = ['0', '""', '"1"', '1.0', '9007199254740993', '"p"']
    const sent = tokens.map((token) => scene.send('1', { meta: `"progressToken": ${token} ` }))
    for (const { line, id } of sent) assert.ok(line.includes(`"progressToken": ${id} `), line)
    for (const { id } of sent.toReversed()) {
      scene.say(
        `{"method":"notifications/progress","params":{"progressToken": ${id} ,"progress":1}}`,
      )
    }
    for (const [index, { sink }] of sent.entries()) {
      assert.deepEqual(sink.messages, [
        `{"method":"notifications/progress","params":{"progressToken": ${tokens[index]} ,"progress":1}}`,
      ])
    }
  })

  it('is not found by a token that nobody was given', () => {
    const scene = new Scene()
    const { sink } = scene.send('1', { meta: '"progressToken":"p"' })
    for (const token of ['"p"', '999', '"1"']) {
      scene.say(`{"method":"notifications/progress","params":{"progressToken":${token}}}`)
    }
    assert.equal(scene.unroutable, 3)
    assert.equal(sink.status, undefined)
  })

  it('has the status that the protocol gives to its own errors, and 200 for those of tools', () => {
    const rows = [
      [-32_700, 400],
      [-32_600, 400],
      [-32_601, 404],
      [-32_020, 400],
      [-32_021, 400],
      [-32_022, 400],
      [-32_602, 200],
      [-32_603, 200],
      [42, 200],
    ] as const
    for (const [code, status] of rows) {
      const scene = new Scene()
      const { sink, id } = scene.send('"x"')
      scene.say(`{"id":${id},"error":{"code":${code},"message":"m"}}`)
      assert.equal(sink.status, status, String(code))
      assert.equal(sink.text, `{"id":"x","error":{"code":${code},"message":"m"}}`)
    }
  })

  it('fails alone when its answer was too long, and with all others when the process ends', () => {
    const scene = new Scene()
    const [first, second, third] = [scene.send('1'), scene.send('1'), scene.send('1')]
    scene.shared.failOne(`n${second.id}`, EXITED)
    assert.deepEqual(
      [first.sink.over, second.sink.failure, third.sink.over],
      [false, EXITED, false],
    )
    scene.shared.fail(EXITED)
    assert.deepEqual([first.sink.failure, third.sink.failure], [EXITED, EXITED])
    assert.equal(scene.shared.load, 0)
    scene.shared.failOne('n77', EXITED)
    assert.equal(scene.unroutable, 1)
  })

  it('becomes a stream when it is silent', () => {
    const scene = new Scene()
    const { sink } = scene.send('1')
    scene.shared.tick(999)
    assert.equal(sink.status, undefined)
    scene.shared.tick(1_000)
    assert.ok(sink.streams)
  })
})

describe('A client that hangs up', () => {
  it('has taken its request back, and what still comes for it goes to nobody', () => {
    const scene = new Scene()
    const gone = scene.send('1', { meta: '"progressToken":1' })
    const other = scene.send('1')
    gone.flight.abort()
    gone.flight.abort()
    assert.equal(scene.process.lines.length, 3, 'it is said once')
    assert.equal(
      scene.process.lines[2],
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${gone.id},"reason":"The client has gone."}}`,
    )
    assert.equal(scene.shared.load, 1)
    scene.say(`{"method":"notifications/progress","params":{"progressToken":${gone.id}}}`)
    scene.say(`{"id":${gone.id},"result":{}}`)
    assert.equal(scene.unroutable, 2)
    assert.deepEqual([gone.sink.status, gone.sink.over], [undefined, false])
    assert.equal(other.sink.status, undefined)
    scene.say(`{"id":${other.id},"result":{}}`)
    assert.equal(other.sink.text, '{"id":1,"result":{}}')
  })

  it('after its answer has taken nothing back', () => {
    const scene = new Scene()
    const { flight, id } = scene.send('1')
    scene.say(`{"id":${id},"result":{}}`)
    flight.abort()
    assert.equal(scene.process.lines.length, 1)
  })
})

describe('A subscription', () => {
  const listen = { method: 'subscriptions/listen' }

  it('is a stream from the start, and hears what has its id', () => {
    const scene = new Scene()
    const [one, two] = [scene.send('"s"', listen), scene.send('"s"', listen)]
    assert.ok(one.sink.streams && two.sink.streams)
    const changed = (id: string): string =>
      `{"method":"notifications/tools/list_changed","params":{"_meta":{${SUBSCRIPTION}: ${id} }}}`
    scene.say(changed(two.id))
    assert.deepEqual(one.sink.messages, [])
    assert.deepEqual(two.sink.messages, [changed('"s"')])
    assert.equal(scene.unroutable, 0)
  })

  it('is answered with its own id in both places', () => {
    const scene = new Scene()
    const { sink, id } = scene.send('1.0', listen)
    scene.say(`{"id":${id},"result":{"_meta":{${SUBSCRIPTION}:${id}}}}`)
    assert.deepEqual(sink.messages, [`{"id":1.0,"result":{"_meta":{${SUBSCRIPTION}:1.0}}}`])
    assert.ok(sink.ended)
  })

  it('ends when the server takes it back', () => {
    const scene = new Scene()
    const { sink, id } = scene.send('1', listen)
    scene.say(`{"method":"notifications/cancelled","params":{"requestId":${id}}}`)
    assert.ok(sink.ended)
    assert.deepEqual(sink.messages, [])
    assert.equal(scene.shared.load, 0)
  })
})

describe('A log message', () => {
  it('goes to the only request that asked for some', () => {
    const scene = new Scene()
    const asked = scene.send('1', { meta: LOG_LEVEL })
    const silent = scene.send('1')
    scene.say(LOG)
    assert.deepEqual(asked.sink.messages, [LOG])
    assert.equal(silent.sink.status, undefined)
  })

  it('never goes to a request that asked for none', () => {
    const scene = new Scene()
    const { sink } = scene.send('1')
    scene.say(LOG)
    assert.equal(sink.status, undefined)
    assert.equal(scene.unroutable, 1)
  })

  it('goes to nobody when it may be meant for either of two', () => {
    const scene = new Scene()
    const sent = [scene.send('1', { meta: LOG_LEVEL }), scene.send('2', { meta: LOG_LEVEL })]
    scene.say(LOG)
    assert.ok(sent.every(({ sink }) => sink.status === undefined))
    assert.equal(scene.unroutable, 1)
  })

  it('of a request that was given up reaches nobody else, while the server may still be at it', () => {
    const scene = new Scene()
    const gone = scene.send('1', { meta: LOG_LEVEL })
    const other = scene.send('1', { meta: LOG_LEVEL })
    gone.flight.abort()
    scene.say(LOG)
    scene.now = 59_999
    scene.say(LOG)
    assert.equal(scene.unroutable, 2)
    assert.equal(other.sink.status, undefined)
    scene.now = 60_000
    scene.say(LOG)
    assert.deepEqual(other.sink.messages, [LOG])
  })

  it('is what asking for log messages asks for: other messages without an addressee go to nobody', () => {
    const scene = new Scene()
    const { sink } = scene.send('1', { meta: LOG_LEVEL })
    scene.say('{"method":"notifications/tools/list_changed"}')
    scene.say('{"method":"notifications/progress","params":{"progress":1}}')
    assert.equal(scene.unroutable, 2)
    assert.equal(sink.status, undefined)
  })
})

describe('A request of the server', () => {
  it('is answered with an error, for this revision has none', () => {
    const scene = new Scene()
    const { sink } = scene.send('1')
    scene.say('{"id":"srv","method":"sampling/createMessage"}')
    const { id, error } = parseJson<{ id: string; error: { code: number } }>(scene.process.last)
    assert.deepEqual([id, error.code], ['srv', -32_601])
    assert.equal(sink.status, undefined)
  })
})

describe('A reader that is too slow', () => {
  it('is broken off after 16 MiB, and its request taken back; others do not notice', () => {
    const scene = new Scene()
    const slow = scene.send('1', { meta: '"progressToken":1' })
    const other = scene.send('1')
    slow.sink.keepsUp = false
    const big = 'x'.repeat(1024 * 1024)
    const line = `{"method":"notifications/progress","params":{"progressToken":${slow.id},"m":"${big}"}}`
    let said = 0
    while (!slow.sink.takenBack && said < 40) {
      scene.say(line)
      said += 1
    }
    // It is no failure of the server, from which its breaker would learn.
    assert.equal(slow.sink.failure, undefined)
    assert.ok(said >= 16 && said <= 18, `${said} MiB`)
    assert.match(scene.process.lines.at(-1) ?? '', /notifications\/cancelled/)
    assert.equal(scene.process.paused, false)
    slow.flight.abort()
    slow.flight.resume()
    assert.equal(scene.process.lines.length, 3)
    scene.say(`{"id":${other.id},"result":{}}`)
    assert.equal(other.sink.text, '{"id":1,"result":{}}')
  })

  it('that catches up stays', () => {
    const scene = new Scene()
    const { sink, flight, id } = scene.send('1', { meta: '"progressToken":1' })
    sink.keepsUp = false
    const big = 'x'.repeat(1024 * 1024)
    for (let i = 0; i < 40; i += 1) {
      scene.say(`{"method":"notifications/progress","params":{"progressToken":${id},"m":"${big}"}}`)
      if (i % 10 === 9) flight.resume()
    }
    assert.equal(sink.failure, undefined)
  })
})

describe('A probe for the era', () => {
  const probe = { method: 'server/discover' }

  it('is all that was asked until something else is, or until it is answered', () => {
    const scene = new Scene()
    const { id } = scene.send('1', probe)
    assert.equal(scene.shared.onlyProbed, true)
    scene.say(`{"id":${id},"result":{}}`)
    assert.equal(scene.shared.onlyProbed, false)
    const other = new Scene()
    other.send('1', probe)
    other.send('2')
    assert.equal(other.shared.onlyProbed, false)
  })

  it('that is answered with an error says that the server knows no such thing', () => {
    const scene = new Scene()
    const { id } = scene.send('1', probe)
    assert.equal(scene.shared.refusedProbe, false)
    scene.say(`{"id":${id},"error":{"code":-32601,"message":"m"}}`)
    assert.deepEqual([scene.shared.refusedProbe, scene.shared.onlyProbed], [true, true])
  })

  it('is answered as not found for a server that ended of it', () => {
    const scene = new Scene()
    const sent = ['1.0', '"a"'].map((id) => scene.send(id, probe))
    scene.shared.answerProbes()
    for (const [index, { sink }] of sent.entries()) {
      assert.equal(sink.status, 404)
      assert.ok(sink.text.startsWith(`{"jsonrpc":"2.0","id":${['1.0', '"a"'][index]},"error":`))
      assert.equal(parseJson<{ error: { code: number } }>(sink.text).error.code, -32_601)
    }
    assert.equal(scene.shared.load, 0)
  })
})

/** What may happen to a client of a shared process; `turn` chooses which client. */
interface Step {
  readonly act: 'send' | 'progress' | 'log' | 'answer' | 'late' | 'hang up' | 'cancel'
  readonly turn: number
}

describe('Clients that share a server', () => {
  const step: fc.Arbitrary<Step> = fc.record({
    act: fc.constantFrom('send', 'send', 'progress', 'log', 'answer', 'late', 'hang up', 'cancel'),
    turn: fc.nat(1_000),
  })

  /** One request of one client; every client gives the same id and the same token. */
  interface Open extends Sent {
    readonly owner: string
    readonly asksLogs: boolean
    over: boolean
    /** True when the server has done with it; until then it may log about it. */
    answered: boolean
  }

  function run(steps: readonly Step[]): { readonly scene: Scene; readonly all: readonly Open[] } {
    const scene = new Scene()
    const all: Open[] = []
    const acts: Readonly<Record<Exclude<Step['act'], 'send'>, (one: Open) => void>> = {
      progress: ({ id, owner }) =>
        scene.say(
          `{"method":"notifications/progress","params":{"progressToken":${id},"m":"${owner}"}}`,
        ),
      log: ({ owner, asksLogs, answered }) => {
        if (asksLogs && !answered)
          scene.say(`{"method":"notifications/message","params":{"m":"${owner}"}}`)
      },
      answer: (one) => {
        if (!one.over) scene.say(`{"id":${one.id},"result":{"m":"${one.owner}"}}`)
        one.over = true
        one.answered = true
      },
      late: (one) => {
        scene.say(`{"id":${one.id},"result":{"m":"${one.owner} again"}}`)
        one.answered = true
      },
      'hang up': (one) => {
        one.flight.abort()
        one.over = true
      },
      cancel: (one) => {
        scene.say(`{"method":"notifications/cancelled","params":{"requestId":${one.id}}}`)
        one.answered = true
      },
    }
    for (const { act, turn } of steps) {
      const one = all[turn % Math.max(1, all.length)]
      if (act === 'send') {
        const asksLogs = turn % 3 === 0
        const meta = `"progressToken":"t"${asksLogs ? `,${LOG_LEVEL}` : ''}`
        const sent = scene.send('"same"', { meta, acceptsStream: turn % 5 !== 0 })
        all.push({ ...sent, asksLogs, owner: `client ${all.length}`, over: false, answered: false })
      } else if (one !== undefined) acts[act](one)
    }
    return { scene, all }
  }

  it('with the same ids never see each other’s messages, nor an id that is not theirs', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { all } = run(steps)
        for (const { sink, owner } of all) {
          for (const text of sink.messages) {
            const { id, method, params, result } = parseJson<{
              id?: string
              method?: string
              params?: { progressToken?: string; m: string }
              result?: { m: string }
            }>(text)
            assert.equal((params ?? result)?.m.replace(' again', ''), owner)
            if (method === undefined) assert.equal(id, 'same')
            if (method === 'notifications/progress') assert.equal(params?.progressToken, 't')
          }
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('never see log messages that they did not ask for', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        for (const { sink, asksLogs } of run(steps).all) {
          if (!asksLogs) assert.doesNotMatch(sink.text, /notifications\/message/)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('get one answer at most, and none after they hung up', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { scene, all } = run(steps)
        let open = 0
        for (const { sink, over } of all) {
          const answers = sink.messages.filter((text) => text.includes('"result"'))
          assert.ok(answers.length <= 1)
          if (!over && !sink.over) open += 1
        }
        assert.equal(scene.shared.load, open, 'nothing is kept for those that have gone')
      }),
      { numRuns: 500 },
    )
  })
})
