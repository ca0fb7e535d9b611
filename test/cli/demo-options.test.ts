/** The demo's flags, its telemetry, its packages and the calls it makes. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readDemoTelemetry, readOptions } from '../../src/cli/demo/options.ts'
import { describeMissing, missingPackages } from '../../src/cli/demo/packages.ts'
import { createRandom } from '../../src/cli/demo/random.ts'
import { createScenario } from '../../src/cli/demo/scenario.ts'

describe('the flags of the demo', () => {
  it('default to 4 calls per second until someone stops it', () => {
    assert.deepEqual(readOptions({}), {
      listen: undefined,
      admin: undefined,
      callsPerSecond: 4,
      durationMs: undefined,
      plain: false,
    })
  })

  it('are read', () => {
    const flags = {
      listen: '127.0.0.1:1',
      admin: 'off',
      rate: '2.5',
      duration: '30s',
      plain: true,
    }
    assert.deepEqual(readOptions(flags), {
      listen: '127.0.0.1:1',
      admin: 'off',
      callsPerSecond: 2.5,
      durationMs: 30_000,
      plain: true,
    })
  })

  const wrong: readonly (readonly [string, string, string])[] = [
    ['listen', 'nowhere', 'an address such as 127.0.0.1:8420'],
    ['admin', 'of', 'an address such as 127.0.0.1:9464, or off'],
    ['rate', '0', 'a number of calls per second from 1 to 200'],
    ['rate', '201', 'a number of calls per second from 1 to 200'],
    ['rate', 'fast', 'a number of calls per second from 1 to 200'],
    ['duration', '12', 'a duration such as 30s, from 1s to 7d'],
    ['duration', '10ms', 'a duration such as 30s, from 1s to 7d'],
    ['duration', '8d', 'a duration such as 30s, from 1s to 7d'],
  ]
  for (const [flag, value, expected] of wrong) {
    it(`refuse --${flag} ${value} and say what is expected`, () => {
      assert.equal(
        readOptions({ [flag]: value }),
        `sidelight demo: --${flag}: expected ${expected}, got "${value}"`,
      )
    })
  }
})

describe('the telemetry of the demo', () => {
  async function exportersOf(env: Readonly<Record<string, string>>): Promise<unknown> {
    const telemetry = await readDemoTelemetry(env)
    assert.ok(!('kind' in telemetry))
    const { settings, exporting, printing } = telemetry
    return [settings.tracesExporter, settings.metricsExporter, exporting, printing]
  }

  it('goes nowhere when the environment names no exporter', async () => {
    assert.deepEqual(await exportersOf({}), ['none', 'none', false, false])
    assert.deepEqual(
      await exportersOf({ OTEL_SERVICE_NAME: 'x', OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }),
      ['none', 'none', false, false],
    )
  })

  it('goes where the environment says', async () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }
    assert.deepEqual(await exportersOf(endpoint), ['otlp', 'otlp', true, false])
    assert.deepEqual(
      await exportersOf({ OTEL_TRACES_EXPORTER: 'console', OTEL_METRICS_EXPORTER: 'none' }),
      ['console', 'none', false, true],
    )
  })

  it('refuses what the sidecar refuses', async () => {
    const telemetry = await readDemoTelemetry({ OTEL_TRACES_EXPORTER: 'zipkin' })
    assert.ok('kind' in telemetry)
    assert.match(telemetry.message, /^OTEL_TRACES_EXPORTER: "zipkin" is not supported/)
  })
})

describe('the packages of the demo', () => {
  it('are all installed here', () => {
    assert.deepEqual(
      missingPackages((specifier) => import.meta.resolve(specifier)),
      [],
    )
  })

  it('that are missing are named, with how to install them', () => {
    const missing = missingPackages((specifier) => {
      if (specifier.startsWith('@modelcontextprotocol/s')) throw new Error('not found')
    })
    assert.equal(
      describeMissing(missing),
      `sidelight demo: the demo needs packages that are not installed: @modelcontextprotocol/sdk, @modelcontextprotocol/server-everything
They are optional dependencies of Sidelight; install them with: npm install --include=optional`,
    )
  })
})

describe('the scenario of the demo', () => {
  const DECK = 25

  function stepsOf(seed: number, count: number): readonly string[] {
    const next = createScenario(createRandom(seed))
    return Array.from({ length: count }, () => JSON.stringify(next()))
  }

  it('is the same for the same seed and another for another', () => {
    assert.deepEqual(stepsOf(1, 100), stepsOf(1, 100))
    assert.notDeepEqual(stepsOf(1, 100), stepsOf(2, 100))
  })

  it('has every kind of step in each deck of 25, on both servers', () => {
    const next = createScenario(createRandom(7))
    for (let deck = 0; deck < 5; deck += 1) {
      const steps = Array.from({ length: DECK }, next)
      const kinds = new Set(steps.map(({ server, action }) => `${server} ${action.kind}`))
      assert.deepEqual([...kinds].sort(), [
        'everything list_tools',
        'everything prompt',
        'everything resource',
        'everything tool',
        'library list_tools',
        'library resource',
        'library tool',
      ])
      const cancelled = steps.filter(({ cancelAfterMs }) => cancelAfterMs !== undefined)
      assert.deepEqual(cancelled.map(({ server }) => server).sort(), ['everything', 'library'])
    }
  })
})
