import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EVENTS, type EventDefinition } from '../../src/core/events.ts'

const events: Readonly<Record<string, EventDefinition>> = EVENTS

/** Every event with its levels; those that never leave the machine are marked. */
const PINNED = [
  'sidelight.sidecar.started info',
  'sidelight.sidecar.draining info',
  'sidelight.sidecar.stopped info local',
  'sidelight.sidecar.defect error',
  'sidelight.wrap.started info',
  'sidelight.call.ended debug,warn',
  'sidelight.upstream.failed warn',
  'sidelight.upstream.endpoint_refused warn',
  'sidelight.upstream.health_changed info,warn',
  'sidelight.breaker.transition info,warn',
  'sidelight.breaker.order warn',
  'sidelight.policy.denied info',
  'sidelight.policy.role_unknown warn',
  'sidelight.auth.refused debug,warn',
  'sidelight.auth.keys_read info',
  'sidelight.auth.keys_unavailable warn',
  'sidelight.auth.insecure warn',
  'sidelight.auth.file_reloaded info',
  'sidelight.auth.file_unreadable warn',
  'sidelight.process.ended warn',
  'sidelight.process.stderr info local',
  'sidelight.process.unguarded warn',
  'sidelight.catalogue.drift warn',
  'sidelight.catalogue.unread warn',
  'sidelight.pins.reloaded info',
  'sidelight.pins.unreadable warn',
  'sidelight.health.changed info,warn',
  'sidelight.alert.changed debug,info,warn',
  'sidelight.alert.silenced warn',
  'sidelight.alert.unsilenced info',
  'sidelight.alert.delivery_failed warn',
  'sidelight.alert.delivery_recovered info',
  'sidelight.secret.unreadable warn',
  'sidelight.config.reloaded info,warn,error',
  'sidelight.audit.checkpoint info',
  'sidelight.audit.recovered warn,error',
  'sidelight.audit.failing error',
  'sidelight.audit.working warn',
  'sidelight.telemetry.settings warn',
  'sidelight.telemetry.export_failed warn local',
  'sidelight.log.suppressed warn',
]

describe('The events', () => {
  it('have these names and levels', () => {
    assert.deepEqual(
      Object.entries(events).map(([name, { levels, local }]) =>
        [name, levels.join(','), ...(local === true ? ['local'] : [])].join(' '),
      ),
      PINNED,
    )
  })

  it('have names and attributes under a namespace, and none of MCP that MCP does not name', () => {
    const attributes = Object.values(events).flatMap((event) => event.attributes)
    for (const name of attributes) assert.match(name, /^[a-z0-9_]+(\.[a-z0-9_]+)+$/)
    assert.deepEqual(
      [...new Set(attributes)].filter((name) => /^(mcp|gen_ai)\./.test(name)),
      ['mcp.method.name', 'gen_ai.tool.name', 'gen_ai.prompt.name'],
    )
  })

  it('have no attribute for a session, a token, an argument or a result', () => {
    for (const { attributes } of Object.values(events)) {
      for (const name of attributes) {
        assert.doesNotMatch(name, /session|token|secret|argument|result|authorization|header/)
      }
    }
  })

  it('say what they mean, in a sentence', () => {
    for (const { description } of Object.values(events)) assert.match(description, /^[A-Z].*\.$/)
  })
})
