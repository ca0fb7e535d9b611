/** The table of README.md names tests that exist, and leaves no fault out. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

/** Faults of breakers, pools and managers that the page has to deal with. */
const FAULTS = Array.from({ length: 25 }, (_, i) => i + 1)

interface Row {
  readonly fault: number
  readonly file: string
  readonly test: string
}

function readRows(): readonly Row[] {
  const page = readFileSync('test/faults/README.md', 'utf8')
  const rows: Row[] = []
  let fault = 0
  for (const line of page.slice(page.indexOf('## Known faults')).split('\n')) {
    const [number = '', , tests = ''] = line
      .split('|')
      .slice(1)
      .map((cell) => cell.trim())
    if (!/^\d+$/.test(number)) continue
    fault = Number(number)
    for (const [, file = '', name = ''] of tests.matchAll(/`([\w/.-]+\.test\.ts)`: ([^;]+)/g)) {
      rows.push({ fault, file, test: name.trim() })
    }
  }
  return rows
}

test('every known fault has a test', () => {
  const shown = new Set(readRows().map(({ fault }) => fault))
  assert.deepEqual(
    FAULTS.filter((fault) => !shown.has(fault)),
    [],
  )
})

test('every test that the page names exists in its file', () => {
  const missing = readRows().filter(({ file, test: name }) => {
    const source = readFileSync(`test/${file}`, 'utf8')
    // Names with a variable in them are written with an ellipsis.
    return !name
      .split('…')
      .every(
        (part) =>
          source.includes(part.trim().replaceAll("'", "\\'")) || source.includes(part.trim()),
      )
  })
  assert.deepEqual(missing, [])
})
