import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newAttempt } from '../../src/core/observer.ts'
import { overheadOf } from '../../src/telemetry/traffic.ts'
import { exchangeOf } from '../pipeline/fakes.ts'

const EXCHANGE = exchangeOf('message', { receivedAtMs: 1_000, readAtMs: 1_500 })

describe('The time that an exchange spends in Sidelight itself', () => {
  it('is from its last byte to the hand-over and what handing the reply on took, without waits', () => {
    const attempt = {
      ...newAttempt(1, 1_501),
      queuedMs: 40,
      connectMs: 7,
      handedMs: 1_550,
      headMs: 1_900,
      replyMs: 0.5,
    }
    assert.equal(overheadOf(EXCHANGE, attempt), 3.5)
  })

  it('holds no wait for a turn at a busy upstream', () => {
    const exchange = exchangeOf('message', { readAtMs: 1_500, turnMs: 100 })
    assert.equal(overheadOf(exchange, { ...newAttempt(1, 1_601), handedMs: 1_602 }), 2)
    assert.equal(overheadOf(exchange, { ...newAttempt(2, 1_701), handedMs: 1_702 }), 1)
  })

  it('needs no connection to have been made', () => {
    assert.equal(overheadOf(EXCHANGE, { ...newAttempt(1, 1_501), handedMs: 1_502 }), 2)
  })

  it('is that of the second attempt when there were two', () => {
    assert.equal(overheadOf(EXCHANGE, { ...newAttempt(2, 1_601), handedMs: 1_602 }), 1)
  })

  it('is unknown of a request that was never handed over', () => {
    assert.equal(overheadOf(EXCHANGE, newAttempt(1, 1_501)), undefined)
  })
})
