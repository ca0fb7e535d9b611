import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatAddress, parseAddress, parseDuration, parseSize } from '../../src/config/units.ts'
import { nearest } from '../../src/core/nearest.ts'

describe('A duration', () => {
  it('has a number and a unit', () => {
    const rows: readonly [string, number][] = [
      ['500ms', 500],
      ['30s', 30_000],
      ['5m', 300_000],
      ['2h', 7_200_000],
      ['1d', 86_400_000],
      ['1.5s', 1_500],
      ['0s', 0],
      [' 1s ', 1_000],
    ]
    for (const [text, expected] of rows) assert.equal(parseDuration(text), expected, text)
  })

  it('is nothing else', () => {
    for (const text of ['', '5', 's', '-1s', '1 s', '1S', '1sec', '1e3s', '.5s', '1.s', '1s1s']) {
      assert.equal(parseDuration(text), undefined, text)
    }
  })
})

describe('A size', () => {
  it('has a number and a binary unit', () => {
    const rows: readonly [string, number][] = [
      ['1B', 1],
      ['64KiB', 65_536],
      ['16MiB', 16_777_216],
      ['1GiB', 1_073_741_824],
      ['1.5KiB', 1_536],
      ['0.3B', 0],
    ]
    for (const [text, expected] of rows) assert.equal(parseSize(text), expected, text)
  })

  it('is nothing else', () => {
    for (const text of ['', '5', '1MB', '1kb', '1 MiB', '-1B', '1mib']) {
      assert.equal(parseSize(text), undefined, text)
    }
  })
})

describe('An address', () => {
  it('has a host and a port, or a port alone for every address', () => {
    const rows: readonly [string, string, number][] = [
      ['127.0.0.1:8420', '127.0.0.1', 8420],
      ['localhost:0', 'localhost', 0],
      [':80', '0.0.0.0', 80],
      ['[::1]:65535', '::1', 65_535],
      ['[::]:1', '::', 1],
      ['a-b_c.example:1', 'a-b_c.example', 1],
    ]
    for (const [text, host, port] of rows)
      assert.deepEqual(parseAddress(text), { host, port }, text)
  })

  it('is nothing else', () => {
    const bad = [
      '',
      'localhost',
      '8420',
      'h:65536',
      'h:x',
      '::1:80',
      '[::1]',
      'h:1/',
      'a b:1',
      'h:-1',
    ]
    for (const text of bad) assert.equal(parseAddress(text), undefined, text)
  })

  it('is written with brackets when its host needs them', () => {
    assert.equal(formatAddress({ host: '::1', port: 80 }), '[::1]:80')
    assert.equal(formatAddress({ host: 'h', port: 80 }), 'h:80')
  })
})

describe('The nearest known word', () => {
  it('differs in at most a third of the letters, or in one', () => {
    const known = ['limits', 'listen', 'log', 'upstreams']
    const rows: readonly [string, string | undefined][] = [
      ['limit', 'limits'],
      ['LIMITS', 'limits'],
      ['upstreem', 'upstreams'],
      ['lgo', undefined],
      ['lo', 'log'],
      ['colour', undefined],
      ['', undefined],
    ]
    for (const [word, expected] of rows) assert.equal(nearest(word, known), expected, word)
    assert.equal(nearest('x', []), undefined)
  })
})
