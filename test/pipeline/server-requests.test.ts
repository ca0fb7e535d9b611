import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ServerRequests } from '../../src/pipeline/server-requests.ts'
import { readMessages } from '../mcp/messages.ts'
import { FakeClock } from './fakes.ts'

const HOUR_MS = 60 * 60 * 1_000

class Table {
  readonly clock = new FakeClock()
  /** `id outcome atMs`, in order. */
  readonly told: string[] = []
  overflows = 0
  readonly requests = new ServerRequests({
    clock: this.clock,
    onOverflow: () => {
      this.overflows += 1
    },
  })

  ask(id: string, session = 's', stream: object = {}): void {
    this.requests.begin(session, id, stream, () => ({
      ended: ({ kind }, atMs) => this.told.push(`${id} ${kind} ${atMs}`),
    }))
  }
}

function response(body: object): Parameters<ServerRequests['answered']>[1] {
  const [message] = readMessages([body])
  assert.ok(message)
  return message
}

describe('Requests of upstreams', () => {
  it('end with the answer that has their id, in their session', () => {
    const table = new Table()
    table.ask('n1')
    table.ask('s1')
    table.requests.answered('other', response({ id: 1, result: {} }))
    assert.deepEqual(table.told, [])
    table.requests.answered('s', response({ id: 1, result: {} }))
    table.requests.answered('s', response({ id: '1', error: { code: -32601, message: 'no' } }))
    table.requests.answered('s', response({ id: 1, result: {} }))
    assert.deepEqual(table.told, ['n1 ok 1000', 's1 rpc_error 1000'])
  })

  it('are one request when their event is sent again', () => {
    const table = new Table()
    table.ask('n1')
    table.ask('n1')
    assert.equal(table.requests.size, 1)
    table.requests.endAll()
    assert.deepEqual(table.told, ['n1 cancelled 1000'])
  })

  it('are unanswered after an hour', () => {
    const table = new Table()
    table.ask('n1')
    table.clock.now += HOUR_MS - 1
    table.requests.sweep()
    assert.deepEqual(table.told, [])
    table.clock.now += 1
    table.requests.sweep()
    assert.deepEqual(table.told, ['n1 unanswered 3601000'])
  })

  it('are cancelled when their stream has ended and no answer follows, as of its end', () => {
    const table = new Table()
    const stream = {}
    table.ask('n1', 's', stream)
    table.ask('n2', 's', stream)
    table.clock.now = 2_000
    table.requests.streamEnded(stream)
    table.requests.answered('s', response({ id: 2, result: {} }))
    table.clock.now = 12_000
    table.requests.sweep()
    assert.deepEqual(table.told, ['n2 ok 2000', 'n1 cancelled 2000'])
  })

  it('end with their session', () => {
    const table = new Table()
    table.ask('n1', 'a')
    table.ask('n1', 'b')
    table.requests.endSession('a')
    assert.equal(table.requests.size, 1)
    assert.deepEqual(table.told, ['n1 cancelled 1000'])
  })

  it('are at most 4096; the oldest makes room', () => {
    const table = new Table()
    for (let i = 0; i < 4_097; i += 1) table.ask(`n${i}`)
    assert.equal(table.requests.size, 4_096)
    assert.equal(table.overflows, 1)
    assert.deepEqual(table.told, ['n0 unanswered 1000'])
  })
})
