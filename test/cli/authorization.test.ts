/** The stage that asks the policy, by itself. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createAuthorization, type Authorization } from '../../src/cli/authorization.ts'
import { policyProblems } from '../../src/cli/policy.ts'
import { validateConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'
import type { Exchange } from '../../src/core/exchange.ts'
import type { Log } from '../../src/core/log.ts'
import { exchangeOf, post } from '../pipeline/fakes.ts'
import { principal } from '../policy/fakes.ts'

const LOG: Log = { enabled: () => false, write: () => {} }

const SECRET = 'a-secret-for-tests-that-is-long-enough'

function configOf(allow: readonly string[]): Config {
  const result = validateConfig(
    {
      upstreams: { main: { url: 'http://127.0.0.1:1/mcp' } },
      auth: { mode: 'dev-hs256', dev: { secret: SECRET } },
      policy: { roles: { analyst: { allow } } },
    },
    undefined,
    policyProblems,
  )
  assert.ok(result.kind === 'config', JSON.stringify(result))
  return result.config
}

const ALICE = principal({ roles: ['analyst'] })

/** The list as it goes through the filter of this exchange. */
function seen(authorization: Authorization, exchange: Exchange): (list: string) => string {
  const filter = authorization.replyFilter(exchange) ?? assert.fail('nothing is filtered')
  const events = filter.events()
  return (list) => {
    const passed = events.write(Buffer.from(`data: ${list}\n\n`))
    return typeof passed === 'string' ? passed : Buffer.concat(passed).toString('utf8')
  }
}

describe('Authorization', () => {
  it('lets nothing pass that has no principal, where there are principals', () => {
    const { authorize } = createAuthorization(configOf(['*']), LOG)
    const message = { jsonrpc: '2.0', id: 1, method: 'ping' }
    const stream = exchangeOf('stream', { upstreamName: 'main' })
    const nobodys = [
      { ...post(message), upstreamName: 'main' },
      stream,
      { ...stream, kind: 'end_session' },
      { ...stream, kind: 'other' },
      { ...stream, kind: 'other', endpoint: 'pass', path: '/files' },
    ] as const
    for (const exchange of nobodys) {
      assert.equal(authorize({ ...exchange, principal: undefined })?.hidden, true, exchange.kind)
      assert.equal(authorize({ ...exchange, principal: ALICE }), undefined, exchange.kind)
    }
    const metadata = { ...stream, kind: 'other', endpoint: 'metadata' } as const
    assert.equal(authorize(metadata), undefined)
  })

  it('filters an open stream by the policy that is in force, not by the one it began with', () => {
    const authorization = createAuthorization(configOf(['main:one', 'main:two']), LOG)
    const stream = exchangeOf('stream', { upstreamName: 'main', principal: ALICE })
    const see = seen(authorization, stream)
    const list = '{"id":1,"result":{"tools":[{"name":"one"},{"name":"two"}]}}'
    assert.match(see(list), /"one".*"two"/)
    authorization.follow(configOf(['main:two']))
    assert.doesNotMatch(see(list), /"one"/)
    authorization.follow(configOf([]))
    assert.match(see(list), /"tools":\[\]/)
  })

  it('filters no reply that can hold no list', () => {
    const { replyFilter } = createAuthorization(configOf(['main:one']), LOG)
    const end = exchangeOf('end_session', { upstreamName: 'main', principal: ALICE })
    assert.equal(replyFilter(end), undefined)
  })

  it('refuses nothing, and filters nothing, without a policy', () => {
    const { policy: _, ...config } = configOf(['*'])
    const { authorize, replyFilter, visible } = createAuthorization(config, LOG)
    const stream = exchangeOf('stream', { upstreamName: 'main' })
    assert.equal(authorize(stream), undefined)
    assert.equal(replyFilter(stream), undefined)
    assert.deepEqual(visible(stream, ['a', 'b']), ['a', 'b'])
  })
})
