import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CALL, get, JSON_REPLY, post, STREAM_REPLY, World } from './fakes.ts'

const ANSWER = '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"é"}],"x":1.0}}'
const RESULT_TEXT = '{"tools":[{"name":"é"}],"x":1.0}'
const NOTE = '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"x"}}'

function reply(world: World, headers: string[], body: string, cut = 7): void {
  const { sink } = world.flight(world.flights.length - 1)
  sink.head(200, 'OK', headers)
  const bytes = Buffer.from(body)
  for (let at = 0; at < bytes.length; at += cut) sink.data(bytes.subarray(at, at + cut))
  sink.end()
}

const texts = (world: World): (string | undefined)[] =>
  world.answers.map(({ result }) => result?.toString())

describe('What an observer is told of an answer', () => {
  it('is its size and that of its result, without a copy unless it asked for one', () => {
    const world = new World()
    world.send(post(CALL))
    reply(world, JSON_REPLY, ANSWER)
    assert.deepEqual(world.answers, [{ bytes: 67, resultBytes: 33, result: undefined }])
    assert.equal(world.captures.bytes, 0)
  })

  it('is a copy of the result of a JSON body, as the bytes came', () => {
    const world = new World({ wanted: 100 })
    const client = world.send(post(CALL))
    reply(world, JSON_REPLY, `\ufeff ${ANSWER}\n`)
    assert.deepEqual(texts(world), [RESULT_TEXT])
    assert.equal(client.sent.at(-1), 'end')
    assert.equal(world.captures.bytes, 0)
  })

  it('is the result alone when other events stand before it on the stream', () => {
    const world = new World({ wanted: 100 })
    world.send(post(CALL))
    const [first = '', second = ''] = ANSWER.split(',"id"')
    reply(
      world,
      STREAM_REPLY,
      `data: ${NOTE}\n\ndata: ${first}\r\ndata: ,"id"${second}\r\n\r\ndata: ${NOTE}\n\n`,
    )
    assert.deepEqual(texts(world), [RESULT_TEXT])
    assert.equal(world.captures.bytes, 0)
  })

  it('is each result of a batch for its own call', () => {
    const world = new World({ wanted: 100 })
    world.send(post([CALL, { ...CALL, id: 2 }]))
    reply(world, JSON_REPLY, `[${ANSWER.replace('"id":1', '"id":2')}, ${ANSWER}]`)
    assert.deepEqual(texts(world), [RESULT_TEXT, RESULT_TEXT])
  })

  it('has no copy of a result that is longer than asked for', () => {
    const world = new World({ wanted: 32 })
    world.send(post(CALL))
    reply(world, JSON_REPLY, ANSWER)
    assert.deepEqual(world.answers, [{ bytes: 67, resultBytes: 33, result: undefined }])
    const roomy = new World({ wanted: 33 })
    roomy.send(post(CALL))
    reply(roomy, JSON_REPLY, ANSWER)
    assert.deepEqual(texts(roomy), [RESULT_TEXT])
  })

  it('has no copy when all copies have no room, and the limit is told', () => {
    const world = new World({ wanted: 1_000_000 })
    world.send(post(CALL))
    reply(world, JSON_REPLY, `{"id":1,"result":{"x":"${'y'.repeat(70_000)}"}}`, 10_000)
    assert.deepEqual(texts(world), [undefined])
    assert.ok(world.told.includes('limit captures'))
    assert.equal(world.captures.bytes, 0)
  })

  it('comes from the stream on which a suspended call is answered', () => {
    const world = new World({ wanted: 100 })
    const session = { 'mcp-session-id': 's1' }
    world.send(post(CALL, session))
    reply(world, STREAM_REPLY, 'id: 1\ndata:\n\n')
    assert.deepEqual(world.answers, [])
    world.send(get(session))
    reply(world, STREAM_REPLY, `id: 2\ndata: ${ANSWER}\n\n`)
    assert.deepEqual(texts(world), [RESULT_TEXT])
    assert.equal(world.captures.bytes, 0)
  })

  it('is nothing when there was no answer, and nothing stays held', () => {
    const world = new World({ wanted: 100 })
    const client = world.send(post(CALL))
    const { sink } = world.flight()
    sink.head(200, 'OK', JSON_REPLY)
    sink.data(Buffer.from(ANSWER.slice(0, 20)))
    assert.ok(world.captures.bytes > 0)
    client.hangUp()
    assert.deepEqual(world.answers, [])
    assert.equal(world.captures.bytes, 0)
  })
})
