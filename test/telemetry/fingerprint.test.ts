import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Fingerprint } from '../../src/telemetry/fingerprint.ts'

const fingerprint = new Fingerprint()

const ofText = (...texts: readonly string[]): number => {
  fingerprint.start()
  for (const text of texts) fingerprint.text(text)
  return fingerprint.end()
}

const ofBytes = (text: string): number => {
  const bytes = Buffer.from(text)
  return fingerprint.start().bytes(bytes, 0, bytes.length).end()
}

describe('A fingerprint', () => {
  it('is the same whole number for the same texts', () => {
    assert.equal(ofText('alice', 'search'), ofText('alice', 'search'))
    assert.ok(Number.isSafeInteger(ofText('alice', 'search')))
    assert.ok(ofText('alice', 'search') >= 0)
  })

  it('tells where one text ends and the next begins', () => {
    assert.notEqual(ofText('ab', 'c'), ofText('a', 'bc'))
    assert.notEqual(ofText('', 'a'), ofText('a', ''))
    assert.notEqual(ofText('a'), ofText('a', ''))
  })

  it('depends on every byte and on its place', () => {
    const text = '{"query":"weather in Vienna","limit":10}'
    const seen = new Set([ofBytes(text)])
    for (let at = 0; at < text.length; at += 1) {
      seen.add(ofBytes(`${text.slice(0, at)}~${text.slice(at + 1)}`))
    }
    assert.equal(seen.size, text.length + 1)
    assert.notEqual(ofBytes('abcdefgh'), ofBytes('efghabcd'))
  })

  it('differs for 200,000 arguments that are nearly alike', () => {
    const seen = new Set<number>()
    const low = new Set<number>()
    for (let i = 0; i < 100_000; i += 1) {
      for (const text of [`{"page":${i}}`, `{"id":"item-${i.toString(36)}","n":0}`]) {
        const found = ofBytes(text)
        seen.add(found)
        low.add(found % 65_536)
      }
    }
    assert.equal(seen.size, 200_000)
    // All values of the lowest 16 bits come up but for about 5 %, as when they are drawn.
    assert.ok(low.size > 61_000, String(low.size))
  })
})
