import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Outcome } from '../../src/core/outcome.ts'
import {
  CODES_MAX,
  DOUBTFUL_NAMES_MAX,
  isPlain,
  LabelGuard,
  NAME_CHARS_MAX,
  NAMES_MAX,
} from '../../src/telemetry/label-guard.ts'

const OK: Outcome = { kind: 'ok' }
const FAILED: Outcome = { kind: 'tool_error' }
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

  it('that could act on a terminal or cannot be written as UTF-8 is no label', () => {
    for (const name of ['a\u009b31m', '\ud800', 'a\udc00b', '\u2028', 'a\u202eb', '\ufeffa']) {
      assert.equal(isPlain(name), false, JSON.stringify(name))
      assert.equal(new LabelGuard(noOverflow).admit('up', name, OK), '_OTHER')
    }
  })

  it('that only ever failed is one of at most 32 of an upstream', () => {
    assert.equal(DOUBTFUL_NAMES_MAX, 32)
    let full = 0
    const guard = new LabelGuard(() => {
      full += 1
    })
    for (let i = 0; i < 32; i += 1) assert.equal(guard.admit('up', `t${i}`, FAILED), `t${i}`)
    assert.equal(full, 0)
    for (let i = 32; i < 500; i += 1) assert.equal(guard.admit('up', `t${i}`, FAILED), '_OTHER')
    assert.equal(full, 468)
    assert.equal(guard.admit('up', 't0', FAILED), 't0')
    assert.equal(guard.admit('other', 't32', FAILED), 't32')
  })

  it('becomes a label with its first success though 32 others only ever failed', () => {
    let full = 0
    const guard = new LabelGuard(() => {
      full += 1
    })
    for (let i = 0; i < 40; i += 1) guard.admit('up', `t${i}`, FAILED)
    assert.equal(full, 8)
    assert.equal(guard.admit('up', 't39', OK), 't39')
    assert.equal(guard.admit('up', 't39', FAILED), 't39')
    for (let i = 0; i < 255; i += 1) assert.equal(guard.admit('up', `good-${i}`, OK), `good-${i}`)
    assert.equal(full, 8)
  })

  it('that only ever failed stays a label only for its failures', () => {
    const guard = new LabelGuard(noOverflow)
    guard.admit('up', 'doubtful', FAILED)
    assert.equal(guard.admit('up', 'doubtful', { kind: 'cancelled' }), '_OTHER')
    assert.equal(guard.admit('up', 'doubtful', FAILED), 'doubtful')
  })
})

describe('Names that a server answers with an error code of its own', () => {
  it('leave room for the tools that it lists later', () => {
    const guard = new LabelGuard(() => {})
    const unknown: Outcome = { kind: 'rpc_error', code: -32000 }
    for (let i = 0; i < 300; i += 1) guard.admit('up', `made-up-${i}`, unknown)
    guard.learn('up', 'add')
    assert.equal(guard.admit('up', 'add', { kind: 'cancelled' }), 'add')
    assert.equal(guard.admit('up', 'made-up-31', unknown), 'made-up-31')
    assert.equal(guard.admit('up', 'made-up-32', unknown), '_OTHER')
  })
})

describe('A JSON-RPC error code', () => {
  it('is a label as long as its upstream has answered with at most 32', () => {
    assert.equal(CODES_MAX, 32)
    let full = 0
    const guard = new LabelGuard(() => {
      full += 1
    })
    for (let code = 1; code <= 32; code += 1) {
      assert.equal(guard.admitCode('up', String(code)), String(code))
    }
    assert.equal(full, 0)
    assert.equal(guard.admitCode('up', '33'), '_OTHER')
    assert.equal(full, 1)
    assert.equal(guard.admitCode('up', '7'), '7')
    assert.equal(guard.admitCode('other', '33'), '33')
    assert.equal(full, 1)
  })
})
