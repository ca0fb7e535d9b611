import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLog } from '../../src/cli/log-writer.ts'
import { parseJson } from '../support/json.ts'

function lineOf(format: 'json' | 'text', target: string): string {
  const lines: string[] = []
  const log = createLog({
    level: 'debug',
    format,
    clock: { wallMs: () => 0, monotonicMs: () => 0 },
    write: (line) => lines.push(line),
  })
  log.write('debug', 'sidelight.call.ended', 'A call ended', { 'gen_ai.tool.name': target })
  return lines.join('')
}

const HOSTILE: readonly (readonly [target: string, shown: string])[] = [
  ['\u009b31m', '\\u009b31m'],
  ['\u001b[2J', '\\u001b[2J'],
  ['a\nb', 'a\\nb'],
  ['\ud800', '\\ud800'],
  ['a\u202eb', 'a\\u202eb'],
  ['\u2028', '\\u2028'],
]

describe('A line of the text log', () => {
  it('shows as escapes what a terminal would act on', () => {
    for (const [target, shown] of HOSTILE) {
      assert.equal(
        lineOf('text', target),
        `1970-01-01T00:00:00.000Z DEBUG A call ended gen_ai.tool.name="${shown}"\n`,
      )
    }
  })

  it('shows plain text of any language as it is', () => {
    assert.match(lineOf('text', 'añadir 加 😀'), /gen_ai\.tool\.name="añadir 加 😀"\n$/)
  })
})

describe('A line of the JSON log', () => {
  it('is one line that gives back the text that went in', () => {
    for (const [target] of HOSTILE) {
      const line = lineOf('json', target)
      assert.equal(line.split('\n').length, 2)
      assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\u2028\u2029]/u)
      const { attributes } = parseJson<{ attributes: { 'gen_ai.tool.name': string } }>(line)
      assert.equal(attributes['gen_ai.tool.name'], target)
    }
  })
})

describe('A log at level debug', () => {
  it('writes failures however many calls end well, and counts those that are too many', () => {
    const lines: string[] = []
    let nowMs = 0
    const log = createLog({
      level: 'debug',
      format: 'text',
      clock: { wallMs: () => nowMs, monotonicMs: () => nowMs },
      write: (line) => lines.push(line),
    })
    const count = (text: string): number => lines.filter((line) => line.includes(text)).length
    for (let n = 0; n < 30; n += 1) log.write('debug', 'sidelight.call.ended', 'A call ended')
    for (let n = 0; n < 30; n += 1) log.write('warn', 'sidelight.call.ended', 'A call ended')
    assert.equal(count(' DEBUG A call ended'), 30)
    assert.equal(count(' WARN  A call ended'), 20)
    nowMs = 1000
    log.write('debug', 'sidelight.call.ended', 'A call ended')
    assert.equal(count('sidelight.log.count=10'), 1)
  })
})
