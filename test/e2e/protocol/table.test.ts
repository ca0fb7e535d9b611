/** README.md here lists the cases of the protocol with their tests; both must say the same. */

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { EVERY_MODE, type Mode } from '../../support/link.ts'

const HERE = import.meta.dirname
const ROOT = join(HERE, '../../..')

interface Listed {
  readonly section: number
  readonly modes: readonly string[]
  readonly file: string
  readonly name: string
}

/** A test of ours that is named after a case. */
interface Written {
  readonly file: string
  readonly name: string
  readonly number: number
  readonly modes: readonly Mode[]
}

const page = readPage()

function readPage() {
  const sections: number[] = []
  const covered: string[] = []
  const listed: Listed[] = []
  let modes: readonly string[] = []
  for (const line of readFileSync(join(HERE, 'README.md'), 'utf8').split('\n')) {
    const section = /^## (\d+)\. /.exec(line)?.[1]
    if (section !== undefined) sections.push(Number(section))
    const group = /^- ([^:]*→[^:]*):(?: does not apply, .+\.)?$/.exec(line)?.[1]
    if (group !== undefined) {
      modes = group.split(', ')
      for (const mode of modes) covered.push(`${sections.at(-1)} ${mode}`)
    }
    const [, file, name] = /^ {2}- `([^`]+)`: (.+)$/.exec(line) ?? []
    if (file === undefined || name === undefined) continue
    listed.push({ section: sections.at(-1) ?? 0, modes, file, name })
  }
  return { sections, covered, listed }
}

function sourceOf(file: string): string {
  return readFileSync(file.includes('/') ? join(ROOT, file) : join(HERE, file), 'utf8')
}

/** The tests of this folder that begin with a case, and the ways in which each is run. */
function readTests(): Written[] {
  return globSync(join(HERE, '*.test.ts')).flatMap((path) => {
    const source = readFileSync(path, 'utf8')
    const calls = source.matchAll(
      /(overModes|test)\(\s*(['"`])(case (\d+): (?:(?!\2).)*)\2,\s*(\[[^\]]*\]|[A-Z_]+)?/g,
    )
    return [...calls].map(([, kind, , name = '', number, list = '']) => ({
      file: basename(path),
      name,
      number: Number(number),
      modes:
        kind === 'test'
          ? modesIn(name)
          : modesIn(list.startsWith('[') ? list : valueOf(source, list)),
    }))
  })
}

function valueOf(source: string, constant: string): string {
  if (constant === 'EVERY_MODE') return EVERY_MODE.join()
  return (
    new RegExp(`const ${constant}: readonly Mode\\[\\] = (\\[[^\\]]*\\])`).exec(source)?.[1] ?? ''
  )
}

function modesIn(text: string): readonly Mode[] {
  return EVERY_MODE.filter((mode) => text.includes(mode))
}

test('the page has every case from 1 to 60, and says of each way what covers it', () => {
  assert.deepEqual(
    page.sections,
    Array.from({ length: 60 }, (_, index) => index + 1),
  )
  const expected = page.sections.flatMap((number) => EVERY_MODE.map((mode) => `${number} ${mode}`))
  assert.deepEqual(page.covered.toSorted(), expected.toSorted())
})

test('every test on the page exists in its file', () => {
  assert.ok(page.listed.length > 120)
  for (const { file, name } of page.listed) {
    const source = sourceOf(file)
    const found = ["'", '"', '`'].some((quote) => source.includes(quote + name + quote))
    assert.ok(found, `${file} has no test named ${name}`)
  }
})

test('every test that is named after a case stands on the page, under that case and its ways', () => {
  const tests = readTests()
  assert.ok(tests.length > 100)
  for (const { file, name, number, modes } of tests) {
    const rows = page.listed.filter((row) => row.file === file && row.name === name)
    assert.ok(rows.length > 0, `${file}: ${name} is not on the page`)
    for (const row of rows) assert.equal(row.section, number, name)
    const shown = rows.flatMap((row) => row.modes)
    // Tests over HTTP+SSE name no way; they stand with HTTP→HTTP.
    assert.deepEqual(
      shown.toSorted(),
      (modes.length === 0 ? ['HTTP→HTTP'] : [...modes]).toSorted(),
      name,
    )
  }
})
