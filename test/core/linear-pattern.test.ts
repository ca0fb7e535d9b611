import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compileLinearPattern } from '../../src/core/linear-pattern.ts'

describe('A pattern', () => {
  const accepted: readonly (readonly [source: string, text: string, left: string])[] = [
    ['acct-[0-9]{8}', 'of acct-12345678.', 'of _.'],
    ['\\d{3}-\\d{2}-\\d{4}', '123-45-6789', '_'],
    ['ab+', 'abbb', '_'],
    ['\\bcat\\b', 'cat concat', '_ concat'],
    ['[A-F\\]]+x', 'AB]x', '_'],
    ['a.c', 'abc', '_'],
    ['colou?r', 'color colour', '_ _'],
    ['\\$\\{', '${', '_'],
  ]
  for (const [source, text, left] of accepted) {
    it(`is ${source}`, () => {
      assert.equal(text.replace(compileLinearPattern(source) ?? '', '_'), left)
    })
  }

  for (const source of [
    '',
    'a*',
    '\\b',
    '\\b+a',
    '(a+)+b',
    'a+a+b',
    '[a-z]+[0-9]*',
    'a|b',
    '(?=a)b',
    '\\1',
    '\\p{L}',
    '^a',
    'a$',
    '*a',
    'a{2',
    'a{3,2}',
    'a{500}',
    'a+?',
    `a+${'b'.repeat(17)}`,
    '[b-a]',
  ]) {
    it(`is not ${source}`, () => {
      assert.equal(compileLinearPattern(source), undefined)
    })
  }
})
