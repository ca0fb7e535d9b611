import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDecodeTee } from '../../src/mcp/decode-tee.ts'
import { EventFilter } from '../../src/mcp/filter-events.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { FilteredClient } from '../../src/pipeline/filtered-client.ts'
import type { ReplyFilter } from '../../src/pipeline/stages.ts'
import { CALL, FakeClient, post, World } from './fakes.ts'

const JSON_HEAD = ['Content-Type', 'application/json', 'Content-Length', '9']
const EVENTS_HEAD = ['Content-Type', 'text/event-stream']

/** Room for ten bytes in all, and a filter that puts everything in capitals. */
function scene(): {
  client: FakeClient
  filtered: FilteredClient
  failures: Outcome[]
  left: () => number
} {
  let left = 10
  const failures: Outcome[] = []
  const client = new FakeClient()
  const filter: ReplyFilter = {
    bytesMax: 100,
    budget: {
      take: (bytes) => {
        if (bytes > left) return false
        left -= bytes
        return true
      },
      give: (bytes) => {
        left += bytes
      },
    },
    json: (body) => Buffer.from(body.toString('utf8').toUpperCase()),
    events: () => new EventFilter({ shows: () => true, bytesMax: 100 }),
  }
  const { stages } = new World()
  const filtered = new FilteredClient({
    exchange: post(CALL),
    client,
    filter,
    stages: { ...stages, decodeTee: createDecodeTee },
    onFailure: (outcome) => failures.push(outcome),
  })
  return { client, filtered, failures, left: () => left }
}

describe('A client that sees filtered replies', () => {
  it('gets a JSON reply when it is whole, with its length and nothing that describes the other one', () => {
    const { client, filtered, left } = scene()
    filtered.head(200, 'OK', [...JSON_HEAD, 'ETag', '"1"', 'X-Other', 'stays'])
    assert.equal(filtered.write(Buffer.from('{"a"')), true)
    assert.deepEqual(client.sent, [])
    filtered.write(Buffer.from(':1}'))
    assert.equal(left(), 3)
    filtered.end()
    assert.deepEqual(client.sent, ['head 200 OK', 'write {"A":1}', 'end'])
    assert.deepEqual(client.rawHeaders, [
      'Content-Type',
      'application/json',
      'X-Other',
      'stays',
      'Content-Length',
      '7',
    ])
    assert.equal(left(), 10)
  })

  it('gets an error when there is no room for the reply, and gives back what was held', () => {
    const { client, filtered, failures, left } = scene()
    filtered.head(200, 'OK', JSON_HEAD)
    filtered.write(Buffer.from('{"a":1'))
    filtered.write(Buffer.from(',"b":2}'))
    assert.deepEqual(client.sent, ['answer 502'])
    assert.equal(client.answered?.status, 502)
    assert.deepEqual(failures, [{ kind: 'upstream_failed', reason: 'bad_message', sent: true }])
    filtered.write(Buffer.from('more'))
    filtered.end()
    assert.deepEqual(client.sent, ['answer 502'])
    assert.equal(left(), 10)
  })

  it('gets events one by one, and loses its stream when there is no room for one', () => {
    const { client, filtered, failures, left } = scene()
    filtered.head(200, 'OK', EVENTS_HEAD)
    filtered.write(Buffer.from('data: 1\n\nda'))
    assert.equal(left(), 8)
    assert.deepEqual(client.sent, ['head 200 OK', 'write data: 1\n\n'])
    filtered.write(Buffer.from('ta: 123456789'))
    assert.deepEqual(client.sent.slice(2), ['abort'])
    assert.equal(failures.length, 1)
    assert.equal(left(), 10)
  })

  it('holds nothing any more when it has gone, or its reply broke', () => {
    for (const how of ['gone', 'abort'] as const) {
      const { client, filtered, left } = scene()
      let gone = 0
      filtered.onGone(() => (gone += 1))
      filtered.head(200, 'OK', EVENTS_HEAD)
      filtered.write(Buffer.from('data: 1'))
      assert.equal(left(), 3)
      if (how === 'gone') client.hangUp()
      else filtered.abort()
      assert.equal(left(), 10)
      assert.equal(gone, how === 'gone' ? 1 : 0)
      filtered.write(Buffer.from('\n\n'))
      assert.deepEqual(client.sent, how === 'gone' ? ['head 200 OK'] : ['head 200 OK', 'abort'])
    }
  })

  it('asks for a pause when it reads slowly, until it has caught up', () => {
    const { client, filtered } = scene()
    let resumed = 0
    filtered.onDrain(() => (resumed += 1))
    filtered.head(200, 'OK', EVENTS_HEAD)
    client.keepsUp = false
    assert.equal(filtered.write(Buffer.from('data: 1\n\n')), false)
    client.drain()
    assert.equal(resumed, 1)
    assert.equal(filtered.write(Buffer.from(': \n\n')), true)
  })

  it('gets what can hold no list as it is', () => {
    for (const [status, headers] of [
      [202, ['Content-Length', '0']],
      [204, []],
      [502, ['Content-Type', 'text/html']],
    ] as const) {
      const { client, filtered } = scene()
      filtered.head(status, 'X', [...headers])
      filtered.write(Buffer.from('as it is, however long'))
      filtered.end()
      assert.deepEqual(client.sent, [`head ${status} X`, 'write as it is, however long', 'end'])
    }
  })

  it('gets nothing of what comes with 202, because the answer comes elsewhere', () => {
    const { client, filtered } = scene()
    filtered.head(202, 'Accepted', ['Content-Length', '22'])
    filtered.write(Buffer.from('{"result":{"tools":[]}'))
    filtered.end()
    assert.deepEqual(client.sent, ['head 202 Accepted', 'end'])
    assert.deepEqual(client.rawHeaders, ['Content-Length', '0'])
  })

  it('gets the status of a reply without a body, whatever its type is', () => {
    for (const headers of [[], ['Content-Length', '0']]) {
      const { client, filtered, failures } = scene()
      filtered.head(404, 'Not Found', ['Content-Type', 'application/json', ...headers])
      filtered.end()
      assert.deepEqual(client.sent, ['head 404 Not Found', 'end'])
      assert.deepEqual(failures, [])
    }
  })
})
