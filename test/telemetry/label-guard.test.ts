import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Outcome } from '../../src/core/outcome.ts'
import { isPlain, LabelGuard, NAME_CHARS_MAX, NAMES_MAX } from '../../src/telemetry/label-guard.ts'

const OK: Outcome = { kind: 'ok' }
const noOverflow = (): void => assert.fail('the guard is not full')

describe('A name of a tool or prompt', () => {
  it('becomes a label with the first answer that shows it to exist', () => {
    const proving: readonly Outcome[] = [
      OK,
      { kind: 'input_required' },
      { kind: 'task' },
      { kind: 'tool_error' },
      { kind: 'rpc_error', code: -32603 },
      { kind: 'rpc_error', code: 42 },
    ]
    for (const outcome of proving) {
      const guard = new LabelGuard(noOverflow)
      assert.equal(guard.admit('up', 'add', outcome), 'add', JSON.stringify(outcome))
    }
  })

  it('is _OTHER as long as nothing shows it to exist', () => {
    const guard = new LabelGuard(noOverflow)
    const silent: readonly Outcome[] = [
      { kind: 'rpc_error', code: -32700 },
      { kind: 'rpc_error', code: -32600 },
      { kind: 'rpc_error', code: -32020 },
      { kind: 'rpc_error', code: -32021 },
      { kind: 'rpc_error', code: -32022 },
      { kind: 'rpc_error', code: -32601 },
      { kind: 'rpc_error', code: -32602 },
      { kind: 'upstream_status', status: 401 },
      { kind: 'upstream_failed', reason: 'connect', sent: false },
      { kind: 'upstream_failed', reason: 'reset', sent: true },
      { kind: 'upstream_failed', reason: 'http_5xx', sent: true, status: 503 },
      { kind: 'rejected', reason: 'at_capacity', message: '' },
      { kind: 'cancelled' },
      { kind: 'internal' },
    ]
    for (const outcome of silent) {
      assert.equal(guard.admit('up', 'made-up', outcome), '_OTHER', JSON.stringify(outcome))
    }
  })

  it('stays a label whatever comes later', () => {
    const guard = new LabelGuard(noOverflow)
    guard.admit('up', 'add', OK)
    assert.equal(guard.admit('up', 'add', { kind: 'rpc_error', code: -32602 }), 'add')
    assert.equal(guard.admit('up', 'add', { kind: 'cancelled' }), 'add')
    assert.equal(guard.admit('other', 'add', { kind: 'cancelled' }), '_OTHER')
  })

  it('is _OTHER beyond 256 names of an upstream, and the limit is told', () => {
    assert.equal(NAMES_MAX, 256)
    let full = 0
    const guard = new LabelGuard(() => {
      full += 1
    })
    for (let i = 0; i < 256; i += 1) assert.equal(guard.admit('up', `t${i}`, OK), `t${i}`)
    assert.equal(full, 0)
    assert.equal(guard.admit('up', 't256', OK), '_OTHER')
    assert.equal(full, 1)
    assert.equal(guard.admit('up', 't0', OK), 't0')
    assert.equal(guard.admit('other', 't256', OK), 't256')
    assert.equal(full, 1)
  })

  it('must be plain: short and without control characters', () => {
    assert.equal(NAME_CHARS_MAX, 128)
    for (const name of ['a', 'x'.repeat(128), 'é 😀 "\\', ' ']) assert.equal(isPlain(name), true)
    for (const name of ['', 'x'.repeat(129), 'a\nb', 'a\0', '\u007f', '\u001b[0m']) {
      assert.equal(isPlain(name), false, JSON.stringify(name))
      assert.equal(new LabelGuard(noOverflow).admit('up', name, OK), '_OTHER')
    }
  })
})
