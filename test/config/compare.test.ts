import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { changesNothing, compareConfigs, withFollowed } from '../../src/config/compare.ts'
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

  it('needs a restart for the labels of alerts, which make an alert the alert that it is', () => {
    const change = compareConfigs(
      configOf({ upstreams: ONE }),
      configOf({
        upstreams: ONE,
        alerts: { labels: { team: 'x' }, externalUrl: 'http://s.example/' },
      }),
    )
    assert.deepEqual(change.live, ['alerts.externalUrl'])
    assert.deepEqual(change.needRestart, ['alerts.labels.team'])
  })

  it('tells keys that are followed at once from those that need a restart', () => {
    const change = compareConfigs(
      configOf({ upstreams: ONE }),
      configOf({
        upstreams: ONE,
        rejections: 'http',
        policy: { roles: { analyst: { allow: ['a:*'] } } },
        alerts: { rules: { latency: { threshold: 3 } } },
        insight: { tools: 7, health: { minimumCalls: 3 } },
        mcp: { control: true },
        ui: { traceUrl: 'http://t.example/{traceId}' },
        listen: { data: '127.0.0.1:9000', allowedHosts: ['x.internal'] },
        limits: { sessions: 3 },
        audit: { dir: '/a' },
        auth: { cache: 3, scopes: ['x'] },
      }),
    )
    assert.deepEqual(change.live, [
      'auth.scopes',
      'auth.cache',
      'rejections',
      'insight.health.minimumCalls',
      'alerts.rules.latency.threshold',
      'mcp.control',
      'ui.traceUrl',
      'policy',
    ])
    assert.deepEqual(change.needRestart, [
      'listen.data',
      'listen.allowedHosts',
      'limits.sessions',
      'insight.tools',
      'audit',
    ])
  })

  it('is what a running sidecar makes of it: all that it follows, and the rest as before', () => {
    const before = configOf({
      upstreams: ONE,
      limits: { sessions: 3 },
      alerts: { labels: { team: 'x' } },
      insight: { tools: 7 },
      policy: { roles: { analyst: { allow: ['a:*'] } } },
    })
    const after = configOf({
      upstreams: { a: ONE.a },
      auth: { scopes: ['x'] },
      alerts: { labels: { team: 'y' }, externalUrl: 'http://s.example/' },
      insight: { tools: 9, health: { minimumCalls: 3 } },
      mcp: { control: true },
    })
    const made = withFollowed(before, after)
    assert.deepEqual(Object.keys(made.upstreams), ['a'])
    assert.deepEqual(made.auth.scopes, ['x'])
    assert.equal(made.mcp.control, true)
    assert.equal(made.policy, undefined)
    assert.deepEqual([made.limits.sessions, made.insight.tools], [3, 7])
    assert.equal(made.insight.health.minimumCalls, 3)
    assert.deepEqual(made.alerts.labels, { team: 'x' })
    assert.equal(made.alerts.externalUrl, 'http://s.example/')
    // Whatever is said to be followed is, and nothing else.
    const { live, needRestart } = compareConfigs(made, after)
    assert.deepEqual(live, [])
    assert.deepEqual(needRestart, ['limits.sessions', 'insight.tools', 'alerts.labels.team'])
  })
})
