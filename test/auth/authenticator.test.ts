/** What is remembered of tokens, and for how long. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Introspection } from '../../src/auth/introspection.ts'
import { readRevocations } from '../../src/auth/revocations.ts'
import type { Authenticated } from '../../src/core/authentication.ts'
import type { Rejection } from '../../src/core/outcome.ts'
import { makeSigner } from '../support/signer.ts'
import { createRig, documentOf, DOWN, factsOf, ISSUER, type Rig } from './rig.ts'

/** Whether a token is known, so that no key and no signature is needed for it. */
function isKnown(rig: Rig, token: string): boolean {
  return (
    rig.authenticator.authenticate(factsOf(['authorization', `Bearer ${token}`])).kind ===
    'authenticated'
  )
}

describe('The principal', () => {
  it('says of its sender what the token says', async () => {
    const rig = await createRig({ rules: { defaultRoles: ['everybody'] } })
    const claims = {
      roles: ['analyst', 'analyst', 'everybody'],
      scope: 'tools:read  tools:call',
      org_id: 'acme',
      session_id: 's-1',
      act: { sub: 'agent-7', iss: 'https://agents.example', act: { sub: 'planner' } },
    }
    assert.equal(await rig.ask(await rig.token({ claims })), 'alice')
    const { claims: all, ...principal } = rig.principal ?? assert.fail('nobody')
    assert.deepEqual(principal, {
      key: 'https://idp.example alice',
      issuer: 'https://idp.example',
      subject: 'alice',
      roles: ['everybody', 'analyst'],
      scopes: ['tools:read', 'tools:call'],
      organization: 'acme',
      sessionId: 's-1',
      actors: [
        { issuer: 'https://agents.example', subject: 'agent-7' },
        { issuer: undefined, subject: 'planner' },
      ],
      expiresAtMs: rig.clock.nowMs + 600_000,
    })
    assert.equal(all['org_id'], 'acme')
  })

  it('is made of the claims that the issuer’s rules name, but kept apart by `sub`', async () => {
    const rig = await createRig({
      rules: {
        claims: {
          user: ['user_id'],
          roles: ['realm_access', 'roles'],
          session: ['sid'],
          organization: ['https://idp.example/org'],
        },
      },
    })
    const claims = {
      user_id: 'Alice A.',
      roles: ['admin'],
      realm_access: { roles: ['reader'] },
      sid: 's-2',
      'https://idp.example/org': 'acme',
    }
    assert.equal(await rig.ask(await rig.token({ claims })), 'Alice A.')
    assert.deepEqual(rig.principal?.roles, ['reader'])
    assert.deepEqual(rig.principal?.organization, 'acme')
    assert.deepEqual(rig.principal?.key, 'https://idp.example alice')
    assert.equal(await rig.ask(await rig.token()), 'claims')
  })
})

describe('A token that was verified', () => {
  it('is known at once, for a minute', async () => {
    const rig = await createRig()
    const token = await rig.token()
    assert.equal(isKnown(rig, token), false)
    assert.equal(await rig.ask(token), 'alice')
    assert.equal(isKnown(rig, token), true)
    assert.deepEqual(rig.cached, [false, true])
    rig.clock.advance(59_999)
    assert.equal(isKnown(rig, token), true)
    rig.clock.advance(1)
    assert.equal(isKnown(rig, token), false)
  })

  it('is not known any more when it has expired', async () => {
    const rig = await createRig()
    const token = await rig.token({ claims: { exp: rig.clock.nowMs / 1_000 + 10 } })
    assert.equal(await rig.ask(token), 'alice')
    rig.clock.advance(39_999)
    assert.equal(isKnown(rig, token), true)
    rig.clock.advance(1)
    assert.equal(isKnown(rig, token), false)
    assert.equal(await rig.ask(token), 'expired')
  })

  it('is not known any more when it is revoked, alone or with all of its subject', async () => {
    const rig = await createRig()
    const old = await rig.token({ claims: { jti: 'one' } })
    rig.clock.advance(10_000)
    const young = await rig.token({ claims: { jti: 'two' } })
    assert.equal(await rig.ask(old), 'alice')
    assert.equal(await rig.ask(young), 'alice')
    assert.deepEqual([isKnown(rig, old), isKnown(rig, young)], [true, true])
    const revoke = (entry: object): void => {
      const read = readRevocations(JSON.stringify({ revoked: [entry] }))
      assert.ok(!('kind' in read))
      rig.revoked = read
      rig.revocationVersion += 1
    }
    revoke({ jti: 'one' })
    assert.deepEqual([await rig.ask(old), await rig.ask(young)], ['revoked', 'alice'])
    revoke({ jti: 'one', iss: 'https://other.example' })
    assert.deepEqual([await rig.ask(old), await rig.ask(young)], ['alice', 'alice'])
    revoke({ sub: 'alice', issuedBefore: rig.clock.nowMs / 1_000 })
    assert.deepEqual([await rig.ask(old), await rig.ask(young)], ['revoked', 'alice'])
    revoke({ sub: 'alice', iss: ISSUER })
    assert.deepEqual([await rig.ask(old), await rig.ask(young)], ['revoked', 'revoked'])
  })

  it('is not known any more when its key is withdrawn', async () => {
    const rig = await createRig()
    const token = await rig.token()
    assert.equal(await rig.ask(token), 'alice')
    assert.equal(isKnown(rig, token), true)
    const next = await makeSigner('ES256', 'second')
    rig.load = () => Promise.resolve(documentOf([next.jwk]))
    await rig.keys.refresh()
    assert.equal(isKnown(rig, token), false)
    assert.equal(await rig.ask(token), 'key')
    assert.equal(await rig.ask(await rig.token({}, next)), 'alice')
  })

  it('stays known when its keys are read again and are the same', async () => {
    const rig = await createRig()
    const token = await rig.token()
    assert.equal(await rig.ask(token), 'alice')
    await rig.keys.refresh()
    assert.equal(isKnown(rig, token), true)
  })

  it('is one of a bounded number', async () => {
    const rig = await createRig({ cacheMax: 2 })
    const tokens = await Promise.all(['a', 'b', 'c'].map((sub) => rig.token({ claims: { sub } })))
    for (const token of tokens) await rig.ask(token)
    assert.deepEqual(
      tokens.map((token) => isKnown(rig, token)),
      [false, true, true],
    )
    assert.equal(rig.authenticator.cached, 2)
  })
})

describe('A token that failed', () => {
  it('is verified anew each time, and is never a principal', async () => {
    const rig = await createRig()
    const stranger = await makeSigner('ES256', 'first')
    const token = await rig.token({}, stranger)
    for (let i = 0; i < 3; i += 1) assert.equal(await rig.ask(token), 'signature')
    assert.equal(rig.principal, undefined)
    assert.equal(rig.authenticator.cached, 0)
  })
})

describe('Many requests at a time', () => {
  it('with one new token read the keys once and verify it once', async () => {
    const rig = await createRig()
    const token = await rig.token()
    const found = await Promise.all(Array.from({ length: 1_000 }, () => rig.ask(token)))
    assert.deepEqual(new Set(found), new Set(['alice']))
    assert.equal(rig.loads, 1)
    assert.equal(rig.authenticator.cached, 1)
  })

  it('with more new tokens than may be verified at a time are told to wait', async () => {
    const rig = await createRig({ pendingMax: 2 })
    const open = { keys: (): void => {} }
    const ready = new Promise<void>((resolve) => {
      open.keys = resolve
    })
    rig.load = async () => {
      await ready
      return documentOf([rig.signer.jwk])
    }
    const tokens = await Promise.all(['a', 'b', 'c'].map((sub) => rig.token({ claims: { sub } })))
    const asked = tokens.map((token) => rig.ask(token))
    assert.equal(await asked[2], 'busy')
    open.keys()
    assert.deepEqual(await Promise.all(asked.slice(0, 2)), ['a', 'b'])
    assert.equal(await rig.ask(tokens[2] ?? ''), 'c')
  })

  it('that are given up hear nothing more', async () => {
    const rig = await createRig()
    const found = rig.authenticator.authenticate(
      factsOf(['Authorization', `Bearer ${await rig.token()}`]),
    )
    assert.ok(found.kind === 'pending')
    let told = 0
    found.start(() => {
      told += 1
    })
    found.leave()
    assert.equal(await rig.ask(await rig.token({ claims: { sub: 'bob' } })), 'bob')
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(told, 0)
  })
})

describe('The credential', () => {
  it('is a Bearer token in the one Authorization header', async () => {
    const rig = await createRig()
    const token = await rig.token()
    const ask = (...headers: readonly string[]): Promise<string> => rig.askWith(headers)
    assert.equal(await ask('Authorization', `Bearer ${token}`), 'alice')
    assert.equal(await ask('authorization', `bearer ${token}`), 'alice')
    assert.equal(await ask('AUTHORIZATION', `BEARER   ${token}`), 'alice')
    assert.equal(await ask(), 'missing')
    assert.equal(await ask('X-Authorization', `Bearer ${token}`), 'missing')
    for (const value of ['', 'Bearer', 'Bearer ', token, `Basic ${token}`, `Token ${token}`]) {
      assert.equal(await ask('Authorization', value), 'scheme', value.slice(0, 10))
    }
    const pair = ['Authorization', `Bearer ${token}`, 'authorization', 'Bearer x']
    assert.equal(await ask(...pair), 'ambiguous')
    assert.equal(await ask(...pair.slice(0, 2), ...pair.slice(0, 2)), 'ambiguous')
  })

  it('in the query is refused, with or without another', async () => {
    const rig = await createRig()
    const token = await rig.token()
    for (const query of [`?access_token=${token}`, `?a=b&access_token=x`, '?access%5Ftoken=x']) {
      assert.equal(await rig.askWith([], { query }), 'ambiguous')
      assert.equal(await rig.ask(token, { query }), 'ambiguous')
    }
    assert.equal(await rig.ask(token, { query: '?token=x' }), 'alice')
  })
})

describe('An issuer that is asked whether tokens are active', () => {
  const asked = (answer: Awaited<ReturnType<Introspection['isActive']>>) => {
    const state = { answer, count: 0 }
    const introspection: Introspection = {
      ttlMs: 10_000,
      isActive: () => {
        state.count += 1
        return Promise.resolve(state.answer)
      },
    }
    return { state, introspection }
  }

  it('is asked again after its time, and believed', async () => {
    const { state, introspection } = asked('active')
    const rig = await createRig({ introspection })
    const token = await rig.token()
    assert.equal(await rig.ask(token), 'alice')
    assert.equal(await rig.ask(token), 'alice')
    assert.equal(state.count, 1)
    state.answer = 'inactive'
    rig.clock.advance(9_999)
    assert.equal(await rig.ask(token), 'alice')
    rig.clock.advance(1)
    assert.equal(await rig.ask(token), 'revoked')
    assert.equal(state.count, 2)
  })

  it('and cannot be asked leaves nobody in', async () => {
    const { introspection } = asked('unavailable')
    const rig = await createRig({ introspection })
    assert.equal(await rig.ask(await rig.token()), 'introspection_unavailable')
  })

  it('is not asked about tokens that are not its own', async () => {
    const { state, introspection } = asked('active')
    const rig = await createRig({ introspection })
    const stranger = await makeSigner('ES256', 'first')
    assert.equal(await rig.ask(await rig.token({}, stranger)), 'signature')
    assert.equal(state.count, 0)
  })
})

describe('Without keys', () => {
  it('nobody is let in, and everybody is told to come again', async () => {
    const rig = await createRig()
    rig.load = () => Promise.resolve(DOWN)
    const found = rig.authenticator.authenticate(
      factsOf(['Authorization', `Bearer ${await rig.token()}`]),
    )
    assert.ok(found.kind === 'pending')
    const result = await new Promise((resolve) => found.start(resolve))
    assert.deepEqual(result, {
      kind: 'rejected',
      reason: 'auth_unavailable',
      message: 'the keys of the issuer cannot be had',
      retryAfterMs: 30_000,
    })
  })

  it('the wait is told in whole milliseconds', async () => {
    const rig = await createRig()
    rig.load = () => Promise.resolve(DOWN)
    const facts = factsOf(['Authorization', `Bearer ${await rig.token()}`])
    const waits: unknown[] = []
    for (const passedMs of [0, 1_000.25]) {
      rig.clock.advance(passedMs)
      const found = rig.authenticator.authenticate(facts)
      assert.ok(found.kind === 'pending')
      // oxlint-disable-next-line no-await-in-loop
      const result = await new Promise<unknown>((resolve) => found.start(resolve))
      assert.ok(typeof result === 'object' && result !== null && 'retryAfterMs' in result)
      waits.push(result.retryAfterMs)
    }
    assert.deepEqual(waits, [30_000, 29_000])
  })
})

describe('What a sender is told', () => {
  const told = async (rig: Rig, ...headers: readonly string[]): Promise<readonly string[]> => {
    const found = rig.authenticator.authenticate(factsOf(headers))
    const result =
      found.kind === 'pending'
        ? await new Promise<Authenticated | Rejection>((resolve) => found.start(resolve))
        : found
    assert.ok(result.kind === 'rejected')
    return result.challenges ?? []
  }

  it('is where a token is to be had, and what was wrong with this one', async () => {
    const rig = await createRig()
    const place =
      'resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/a/mcp"'
    assert.deepEqual(await told(rig), [`Bearer ${place}`])
    const expired = await rig.token({ claims: { exp: 1 } })
    assert.deepEqual(await told(rig, 'Authorization', `Bearer ${expired}`), [
      `Bearer ${place}, error="invalid_token", error_description="the token has expired"`,
    ])
    const twice = ['Authorization', 'Bearer x', 'Authorization', 'Bearer y']
    assert.deepEqual(await told(rig, ...twice), [
      `Bearer ${place}, error="invalid_request", error_description="send one token, in the Authorization header and nowhere else"`,
    ])
  })
})
