import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { changesNothing, compareConfigs } from '../../src/config/compare.ts'
import { validateConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'

function configOf(value: Readonly<Record<string, unknown>>): Config {
  const result = validateConfig(value)
  assert.ok(result.kind === 'config', JSON.stringify(result))
  return result.config
}

const ONE = { a: { url: 'http://127.0.0.1:1/mcp' }, b: { url: 'http://127.0.0.1:2/mcp' } }

describe('what a new configuration changes', () => {
  it('is nothing when only the spelling of the file changed', () => {
    const change = compareConfigs(
      configOf({ upstreams: ONE }),
      configOf({ upstreams: { b: { ...ONE.b, host: 'upstream' }, a: ONE.a } }),
    )
    assert.equal(changesNothing(change), true)
  })

  it('names upstreams that came, went and changed', () => {
    const change = compareConfigs(
      configOf({ upstreams: ONE }),
      configOf({
        upstreams: { b: { ...ONE.b, connections: 3 }, c: { url: 'http://127.0.0.1:3/mcp' } },
      }),
    )
    assert.deepEqual(
      [change.added, change.removed, change.changed, change.live, change.needRestart],
      [['c'], ['a'], ['b'], [], []],
    )
    assert.equal(changesNothing(change), false)
  })

  it('needs a restart for what alerts say of the sidecar itself', () => {
    const change = compareConfigs(
      configOf({ upstreams: ONE }),
      configOf({
        upstreams: ONE,
        alerts: { labels: { team: 'x' }, externalUrl: 'http://s.example/' },
      }),
    )
    assert.deepEqual(change.live, [])
    assert.deepEqual(change.needRestart, ['alerts.labels.team', 'alerts.externalUrl'])
  })

  it('tells keys that are followed at once from those that need a restart', () => {
    const change = compareConfigs(
      configOf({ upstreams: ONE }),
      configOf({
        upstreams: ONE,
        rejections: 'http',
        policy: { roles: { analyst: { allow: ['a:*'] } } },
        alerts: { rules: { latency: { threshold: 3 } } },
        insight: { health: { minimumCalls: 3 } },
        mcp: { control: true },
        ui: { traceUrl: 'http://t.example/{traceId}' },
        listen: { data: '127.0.0.1:9000', allowedHosts: ['x.internal'] },
        limits: { sessions: 3 },
        audit: { dir: '/a' },
        auth: { cache: 3, scopes: ['x'] },
      }),
    )
    assert.deepEqual(change.live, [
      'rejections',
      'alerts.rules.latency.threshold',
      'mcp.control',
      'ui.traceUrl',
      'policy',
    ])
    assert.deepEqual(change.needRestart, [
      'listen.data',
      'listen.allowedHosts',
      'auth.scopes',
      'auth.cache',
      'limits.sessions',
      'insight.health.minimumCalls',
      'audit',
    ])
  })
})
