import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { validateConfig } from '../../src/config/load.ts'
import { configJsonSchema, type Config } from '../../src/config/schema.ts'
import { maskSecrets, printConfig } from '../../src/config/print.ts'

function valid(value: unknown): Config {
  const result = validateConfig(value)
  if (result.kind !== 'config') return assert.fail(JSON.stringify(result.problems))
  return result.config
}

const member = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined

describe('The configuration', () => {
  it('says of each key what that key is for, though others are of the same kind', () => {
    const audit = JSON.stringify(member(member(configJsonSchema(), 'properties'), 'audit'))
    for (const key of [
      /"dir":\{[^{}]*"description":"The directory of the log, /,
      /"keys":\{[^{}]*"description":"The directory of its keys\. /,
      /"checkpointFile":\{[^{}]*"description":"A second place for checkpoints, /,
    ]) {
      assert.match(audit, key)
    }
  })

  it('has these defaults', () => {
    assert.deepEqual(valid({ upstreams: { a: { url: 'http://h/mcp' } } }), {
      listen: {
        data: '127.0.0.1:8420',
        admin: '127.0.0.1:9464',
        allowedHosts: [],
        allowedOrigins: [],
      },
      upstreams: {
        a: {
          url: 'http://h/mcp',
          transport: 'http',
          host: 'upstream',
          headers: {},
          timeout: '30s',
          timeoutMax: '300s',
          timeoutFirstByte: 'off',
          timeoutIdle: 'off',
          connectTimeout: '5s',
          connections: 256,
          connectionIdle: '4s',
          connectionLifetime: '30m',
          prewarm: 0,
          health: { method: 'auto', interval: '30s', timeout: '5s', required: false },
          concurrency: 256,
          adaptiveConcurrency: false,
          queue: 1_024,
          queueTimeout: '10s',
          breaker: {
            mode: 'enforce',
            failureThreshold: 5,
            failureRate: 0.5,
            minimumCalls: 20,
            window: '30s',
            openTime: '5s',
            recoveryTimeout: '60s',
            successThreshold: 3,
            timeout: '30s',
            slowCall: '10s',
            slowRate: 0.8,
            slowCalls: 'report',
            slowStart: '10s',
            signals: {},
            toolBreakers: true,
            tools: {},
          },
          retry: { attempts: 2, tools: [], trustHints: false },
          hedge: { after: 'off', tools: [], trustHints: false },
          retryBudget: { ratio: 0.1, perSecond: 1 },
          env: {},
          inheritEnv: [],
          processes: 64,
          pool: 5,
          prestart: 0,
          stateless: false,
        },
      },
      auth: {
        mode: 'off',
        allowUnauthenticated: false,
        issuers: [],
        dev: {
          issuer: 'sidelight-dev',
          audience: 'sidelight',
          claims: { user: 'sub', roles: 'roles', session: 'session_id', organization: 'org_id' },
        },
        scopes: [],
        clockTolerance: '30s',
        tokenSize: '8KiB',
        cache: 10_000,
        cacheTtl: '60s',
        admin: {
          open: ['health', 'metrics'],
          tokens: [],
          roles: { read: [], control: [], audit: [] },
        },
      },
      limits: {
        body: '16MiB',
        bodies: '256MiB',
        headers: '32KiB',
        depth: 512,
        batch: 100,
        connections: 10_000,
        streams: 10_000,
        suspendedCalls: 10_000,
        suspendedWait: '5m',
        sessions: 10_000,
        sessionIdle: '30m',
        line: '32MiB',
        replayEvents: 256,
        replayBytes: '4MiB',
        requestTimeout: '60s',
      },
      rejections: 'mcp',
      telemetry: {
        propagation: 'continue',
        trustSampled: true,
        baggage: [],
        propagateMeta: true,
        propagateHeaders: true,
        capture: [],
        keep: { errors: false },
      },
      insight: {
        recentCalls: 1_000,
        tools: 15_000,
        health: {
          warning: { errorRate: 0.05, p95: '3s' },
          critical: { errorRate: 0.1, p95: '10s' },
          minimumCalls: 10,
          recoverAfter: '1m',
        },
      },
      alerts: {
        rules: {
          errorRate: {
            enabled: true,
            for: '5m',
            keepFiringFor: '5m',
            threshold: 0.05,
            minimumCalls: 0,
            minimumErrors: 5,
            upstreams: {},
          },
          latency: {
            enabled: true,
            for: '5m',
            keepFiringFor: '5m',
            threshold: 5,
            minimumCalls: 20,
            minimumErrors: 0,
            upstreams: {},
          },
          availability: {
            enabled: true,
            for: '5m',
            keepFiringFor: '5m',
            threshold: 0.99,
            minimumCalls: 0,
            minimumErrors: 5,
            upstreams: {},
          },
          breakerOpen: { enabled: true, for: '1m', keepFiringFor: '11m', upstreams: {} },
          upstreamDown: { enabled: true, for: '3m', keepFiringFor: '1m', upstreams: {} },
          auditFailing: { enabled: true, for: '0s', keepFiringFor: '0s', threshold: 1 },
          telemetryFailing: { enabled: true, for: '10m', keepFiringFor: '10m', threshold: 1 },
          telemetryDropped: { enabled: true, for: '5m', keepFiringFor: '10m', threshold: 1 },
        },
        receivers: {},
        labels: {},
      },
      mcp: { enabled: true, control: false },
      ui: {},
      shutdown: { delay: '0s', drainTimeout: '10s', linger: '500ms', flushTimeout: '3s' },
      log: { level: 'info', format: 'json' },
    })
  })

  it('takes addresses of traces in which the id chooses no server and stands somewhere', () => {
    const accepts = (traceUrl: string): boolean =>
      validateConfig({ upstreams: { a: { url: 'http://h' } }, ui: { traceUrl } }).kind === 'config'
    for (const good of [
      'http://127.0.0.1:16686/trace/{traceId}',
      'https://g/explore?q={traceId}',
    ]) {
      assert.equal(accepts(good), true, good)
    }
    for (const bad of [
      'https://traces.example/',
      'https://{traceId}.example/',
      'https://user:word@traces.example/{traceId}',
      'javascript:alert("{traceId}")',
      '/trace/{traceId}',
    ]) {
      assert.equal(accepts(bad), false, bad)
    }
  })

  it('names upstreams so that they fit a path and a label', () => {
    const accepts = (name: string): boolean =>
      validateConfig({ upstreams: { [name]: { url: 'http://h' } } }).kind === 'config'
    for (const name of ['a', '0', 'a-b_c', 'a'.repeat(63)]) assert.equal(accepts(name), true, name)
    for (const name of ['', 'A', '-a', '_a', 'a.b', 'a b', 'a/b', 'é', 'a'.repeat(64)]) {
      assert.equal(accepts(name), false, name)
    }
  })

  it('takes http and https URLs without credentials and fragment', () => {
    const accepts = (url: string): boolean =>
      validateConfig({ upstreams: { a: { url } } }).kind === 'config'
    for (const url of ['http://h', 'https://h:1/p?q=1', 'http://[::1]:1/']) {
      assert.equal(accepts(url), true, url)
    }
    const bad = ['', 'h', '/mcp', 'ftp://h', 'http://u@h', 'http://u:p@h', 'http://h/#f', 'stdio:x']
    for (const url of bad) assert.equal(accepts(url), false, url)
  })

  it('takes no header that could split a message', () => {
    const accepts = (name: string, value: string): boolean =>
      validateConfig({ upstreams: { a: { url: 'http://h', headers: { [name]: value } } } }).kind ===
      'config'
    assert.equal(accepts('X-Key', 'Bearer é\tx'), true)
    for (const value of ['a\r\nb', 'a\nb', 'a\0b', '\u20ac', '\u007f']) {
      assert.equal(accepts('X-Key', value), false, JSON.stringify(value))
    }
    for (const name of ['', 'a b', 'a:', 'a\n', 'é']) assert.equal(accepts(name, 'x'), false, name)
  })
})

describe('The JSON Schema', () => {
  it('has a description for every key', () => {
    const missing: string[] = []
    let keys = 0
    const walk = (node: unknown, path: string): void => {
      for (const [key, value] of Object.entries(member(node, 'properties') ?? {})) {
        keys += 1
        if (typeof member(value, 'description') !== 'string') missing.push(path + key)
        walk(value, `${path}${key}.`)
        walk(member(value, 'additionalProperties'), `${path}${key}.*.`)
      }
    }
    walk(configJsonSchema(), '')
    assert.ok(keys > 25, `${keys} keys`)
    assert.deepEqual(missing, [])
  })

  it('refuses unknown keys and requires upstreams', () => {
    const schema = configJsonSchema()
    assert.equal(schema['additionalProperties'], false)
    assert.deepEqual(schema['required'], ['upstreams'])
    assert.equal(schema['title'], 'Sidelight configuration')
  })
})

describe('Alerts', () => {
  const refused = (alerts: unknown): readonly string[] => {
    const result = validateConfig({ upstreams: { a: { url: 'http://h' } }, alerts })
    if (result.kind === 'config') return assert.fail('it was taken')
    return result.problems.map(({ path, message }) => `${path}: ${message}`)
  }

  it('differ for single upstreams, if there are such', () => {
    const rules = { latency: { upstreams: { a: { threshold: 20 }, b: { threshold: 1 } } } }
    assert.deepEqual(refused({ rules }), [
      'alerts.rules.latency.upstreams.b: there is no such upstream',
    ])
    const { alerts } = valid({
      upstreams: { a: { url: 'http://h' } },
      alerts: { rules: { latency: { upstreams: { a: { threshold: 20 } } } } },
    })
    assert.deepEqual(alerts.rules.latency.upstreams, { a: { threshold: 20 } })
  })

  it('take no threshold where there is nothing to measure, and no label that says what they are', () => {
    assert.equal(refused({ rules: { breakerOpen: { threshold: 2 } } }).length, 1)
    assert.equal(refused({ rules: { errorRate: { threshold: 5 } } }).length, 1)
    assert.equal(refused({ labels: { alertname: 'x' } }).length, 1)
    assert.equal(refused({ receivers: { a: { url: 'ftp://h' } } }).length, 1)
  })
})

describe('The printed configuration', () => {
  it('shows neither the path of a webhook nor its headers', () => {
    const printed = printConfig(
      valid({
        upstreams: { a: { url: 'http://h' } },
        alerts: {
          receivers: {
            chat: {
              type: 'webhook',
              url: 'https://chat.example/hooks/secret-path',
              headers: { authorization: 'Bearer secret-token' },
            },
            am: { url: 'http://alertmanager:9093' },
          },
        },
      }),
    )
    assert.doesNotMatch(printed, /secret-/)
    assert.match(printed, /url: https:\/\/chat\.example\/\*+\n/)
    assert.match(printed, /url: http:\/\/alertmanager:9093\n/)
  })

  const config = valid({
    upstreams: {
      a: { url: 'https://h/mcp?key=SECRET1', headers: { Authorization: 'Bearer SECRET2' } },
      b: { url: 'https://h/mcp' },
    },
  })

  it('shows no header value and no query', () => {
    const text = printConfig(config)
    assert.doesNotMatch(text, /SECRET/)
    assert.match(text, /Authorization: "\*{8}"/)
    assert.match(text, /url: https:\/\/h\/mcp\?\*{8}\n/)
  })

  it('changes nothing else', () => {
    const masked = maskSecrets(config)
    assert.deepEqual(masked, {
      ...config,
      upstreams: {
        ...config.upstreams,
        a: {
          ...config.upstreams['a'],
          url: 'https://h/mcp?********',
          headers: { Authorization: '********' },
        },
      },
    })
    assert.equal(config.upstreams['a']?.headers['Authorization'], 'Bearer SECRET2')
  })
})
