import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Exchange } from '../../src/core/exchange.ts'
import { SessionRegistry, type Visit } from '../../src/upstream/sessions.ts'
import { exchangeOf, FakeClock } from '../pipeline/fakes.ts'
import { heldOfHeads } from '../support/heap.ts'

interface About {
  readonly session?: string
  readonly ownerKey?: string
  readonly upstream?: string
  readonly kind?: Exchange['kind']
}

class Scene {
  readonly clock = new FakeClock()
  /** `up idle`, `limit sessions`. */
  readonly told: string[] = []
  readonly registry: SessionRegistry

  constructor(limits: { readonly sessionsMax?: number; readonly idleMs?: number } = {}) {
    this.registry = new SessionRegistry(
      { sessionsMax: 100, idleMs: 1_000, ...limits },
      this.clock,
      {
        sessionEnded: (upstream, why) => void this.told.push(`${upstream} ${why}`),
        limitHit: (limit) => void this.told.push(`limit ${limit}`),
      },
    )
  }

  /** What an exchange is told before it is sent: nothing, to go on, or that there is no session. */
  enter(about: About): Visit | 'unknown' | undefined {
    const entered = this.registry.enter(exchange(about))
    return entered?.kind === 'rejected' ? 'unknown' : entered
  }

  reply(about: About, status: number, minted?: string): void {
    this.registry.replied(exchange(about), status, minted)
  }

  /** A client begins a session of its own. */
  begin(session: string, about: About = {}): void {
    this.reply(about, 200, session)
  }

  /** A short exchange. */
  use(about: About): 'unknown' | undefined {
    const entered = this.enter(about)
    if (entered === 'unknown') return entered
    this.reply(about, 200)
    entered?.leave()
    return undefined
  }

  count(upstream = 'up'): number {
    return this.registry.count(upstream)
  }
}

function exchange({ session, ownerKey, upstream = 'up', kind = 'message' }: About): Exchange {
  return exchangeOf(kind, { sessionId: session, ownerKey, upstreamName: upstream })
}

describe('A session of an upstream', () => {
  it('begins with the id that its reply mints', () => {
    const scene = new Scene()
    assert.equal(scene.count(), 0)
    scene.begin('s')
    assert.equal(scene.count(), 1)
    scene.begin('t', { upstream: 'other' })
    assert.deepEqual([scene.count(), scene.count('other')], [1, 1])
  })

  it('begins with its first success when nobody saw it begin', () => {
    const scene = new Scene()
    assert.equal(scene.enter({ session: 's' }), undefined)
    for (const status of [400, 401, 404, 503]) scene.reply({ session: 's' }, status)
    assert.equal(scene.count(), 0)
    scene.reply({ session: 's' }, 202)
    assert.equal(scene.count(), 1)
  })

  it('does not begin with a failure, and not twice', () => {
    const scene = new Scene()
    scene.reply({}, 401, 's')
    scene.reply({}, 500, 's')
    assert.equal(scene.count(), 0)
    scene.begin('s')
    scene.begin('s')
    scene.reply({ session: 's' }, 200, 's')
    assert.equal(scene.count(), 1)
  })

  it('ends when its client deletes it, or when the upstream knows it no more', () => {
    const scene = new Scene()
    for (const session of ['a', 'b', 'c']) scene.begin(session)
    scene.reply({ session: 'a', kind: 'end_session' }, 405)
    assert.deepEqual([scene.count(), scene.told], [3, []])
    scene.reply({ session: 'a', kind: 'end_session' }, 200)
    scene.reply({ session: 'b' }, 404)
    scene.reply({ session: 'b' }, 404)
    assert.deepEqual(scene.told, ['up deleted', 'up lost'])
    assert.equal(scene.count(), 1)
  })

  it('is not that of another upstream with the same id', () => {
    const scene = new Scene()
    scene.begin('s', { ownerKey: 'alice' })
    scene.begin('s', { ownerKey: 'bob', upstream: 'other' })
    assert.equal(scene.use({ session: 's', ownerKey: 'bob', upstream: 'other' }), undefined)
    assert.equal(scene.use({ session: 's', ownerKey: 'bob' }), 'unknown')
  })
})

describe('A session that somebody owns', () => {
  it('is known to nobody else', () => {
    const scene = new Scene()
    scene.begin('s', { ownerKey: 'alice' })
    assert.equal(scene.use({ session: 's', ownerKey: 'alice' }), undefined)
    assert.equal(scene.use({ session: 's', ownerKey: 'bob' }), 'unknown')
    assert.equal(scene.use({ session: 's' }), 'unknown')
    const refused = scene.registry.enter(exchange({ session: 's', ownerKey: 'bob' }))
    assert.deepEqual(refused, {
      kind: 'rejected',
      reason: 'session_unknown',
      message: 'Session not found; start a new one with initialize',
    })
  })

  it('belongs to the first who used it with success', () => {
    const scene = new Scene()
    scene.reply({ session: 's', ownerKey: 'mallory' }, 403)
    scene.reply({ session: 's', ownerKey: 'alice' }, 200)
    scene.reply({ session: 's', ownerKey: 'mallory' }, 200)
    assert.equal(scene.use({ session: 's', ownerKey: 'alice' }), undefined)
    assert.equal(scene.use({ session: 's', ownerKey: 'mallory' }), 'unknown')
  })

  it('that nobody was named for is open to all', () => {
    const scene = new Scene()
    scene.begin('s')
    assert.equal(scene.use({ session: 's', ownerKey: 'bob' }), undefined)
    assert.equal(scene.use({ session: 's' }), undefined)
  })

  it('may have a new owner when it has ended', () => {
    const scene = new Scene()
    scene.begin('s', { ownerKey: 'alice' })
    scene.reply({ session: 's', ownerKey: 'alice', kind: 'end_session' }, 204)
    scene.begin('s', { ownerKey: 'bob' })
    assert.equal(scene.use({ session: 's', ownerKey: 'bob' }), undefined)
    assert.equal(scene.use({ session: 's', ownerKey: 'alice' }), 'unknown')
  })
})

describe('A table of sessions that is full', () => {
  it('forgets those of whoever fills it, so that nobody loses a session to another', () => {
    const scene = new Scene({ sessionsMax: 3 })
    scene.begin('hers', { ownerKey: 'alice' })
    for (const id of ['m1', 'm2', 'm3', 'm4']) scene.begin(id, { ownerKey: 'mallory' })
    assert.equal(scene.use({ session: 'hers', ownerKey: 'mallory' }), 'unknown')
    assert.equal(scene.use({ session: 'hers', ownerKey: 'alice' }), undefined)
    assert.equal(scene.count(), 3)
    // Who has none yet takes the place of the one that was used least recently.
    scene.begin('his', { ownerKey: 'bob' })
    assert.equal(scene.use({ session: 'm3', ownerKey: 'bob' }), undefined)
    assert.equal(scene.use({ session: 'hers', ownerKey: 'bob' }), 'unknown')
  })

  it('lets the least recently used go, and counts that', () => {
    const scene = new Scene({ sessionsMax: 3 })
    for (const session of ['a', 'b', 'c']) scene.begin(session, { ownerKey: 'alice' })
    scene.use({ session: 'a', ownerKey: 'alice' })
    assert.deepEqual(scene.told, [])
    scene.begin('d')
    assert.deepEqual(scene.told, ['limit sessions', 'up evicted'])
    assert.equal(scene.count(), 3)
    const unknown = (session: string): boolean =>
      scene.use({ session, ownerKey: 'bob' }) === 'unknown'
    assert.deepEqual(['a', 'c'].map(unknown), [true, true], 'they are still owned')
    assert.equal(unknown('b'), false)
  })

  it('counts the one that goes at its own upstream', () => {
    const scene = new Scene({ sessionsMax: 1 })
    scene.begin('a', { upstream: 'one' })
    scene.begin('b', { upstream: 'two' })
    assert.deepEqual([scene.count('one'), scene.count('two')], [0, 1])
    assert.deepEqual(scene.told, ['limit sessions', 'one evicted'])
  })

  it('takes no harm when one that went is left later', () => {
    const scene = new Scene({ sessionsMax: 1 })
    scene.begin('a')
    const visit = scene.enter({ session: 'a' })
    scene.begin('b')
    assert.ok(visit !== undefined && visit !== 'unknown')
    visit.leave()
    assert.equal(scene.count(), 1)
  })
})

describe('A session that nobody uses', () => {
  it('is forgotten when its time is up, and not before', () => {
    const scene = new Scene()
    scene.begin('s')
    scene.clock.now += 999
    scene.registry.sweep()
    assert.equal(scene.count(), 1)
    scene.clock.now += 1
    scene.registry.sweep()
    assert.deepEqual([scene.count(), scene.told], [0, ['up idle']])
  })

  it('begins to be idle at the end of its last exchange', () => {
    const scene = new Scene()
    scene.begin('s')
    scene.clock.now += 900
    scene.use({ session: 's' })
    scene.clock.now += 999
    scene.registry.sweep()
    assert.equal(scene.count(), 1)
    scene.clock.now += 1
    scene.registry.sweep()
    assert.equal(scene.count(), 0)
  })

  it('is kept by an open stream, however long that is silent', () => {
    const scene = new Scene()
    scene.begin('s')
    const stream = scene.enter({ session: 's', kind: 'stream' })
    const call = scene.enter({ session: 's' })
    assert.ok(stream !== undefined && stream !== 'unknown')
    assert.ok(call !== undefined && call !== 'unknown')
    call.leave()
    scene.clock.now += 1_000_000
    scene.registry.sweep()
    assert.equal(scene.count(), 1)
    stream.leave()
    scene.registry.sweep()
    assert.equal(scene.count(), 1)
    scene.clock.now += 1_000
    scene.registry.sweep()
    assert.equal(scene.count(), 0)
  })

  it('is forgotten though there are 10,000 of them, and nothing of them stays', () => {
    const scene = new Scene({ sessionsMax: 20_000 })
    for (let i = 0; i < 10_000; i += 1) {
      scene.begin(`abandoned-${i}`, { ownerKey: `p${i}` })
      scene.clock.now += 0.01
    }
    scene.begin('used', { ownerKey: 'alice' })
    assert.equal(scene.count(), 10_001)
    const stream = scene.enter({ session: 'used', ownerKey: 'alice', kind: 'stream' })
    scene.clock.now += 1_000
    scene.registry.sweep()
    assert.equal(scene.count(), 1)
    assert.equal(scene.told.filter((what) => what === 'up idle').length, 10_000)
    assert.equal(scene.use({ session: 'used', ownerKey: 'bob' }), 'unknown')
    assert.equal(scene.use({ session: 'abandoned-7', ownerKey: 'bob' }), undefined)
    assert.ok(stream !== undefined && stream !== 'unknown')
  })

  it('is known without the heads of its exchanges', () => {
    const scene = new Scene({ sessionsMax: 1_000 })
    const sent = (head: string): void => {
      const sessionId = head.slice(0, head.indexOf(' '))
      const version = head.slice(sessionId.length + 1, head.indexOf('\r'))
      const headers = { 'mcp-protocol-version': version }
      const exchanged = exchangeOf('message', { sessionId, upstreamName: 'up', headers })
      for (let i = 0; i < 2; i += 1) {
        scene.registry.enter(exchanged)
        scene.registry.replied(exchanged, 200, undefined)
      }
    }
    const grownMb = heldOfHeads((n) => `some-session-id-${n} 2025-11-25-or-later\r\n`, sent)
    assert.equal(scene.count(), 512)
    assert.ok(grownMb < 5, `${grownMb} MB, of heads of 15 MB`)
  })
})
