/** Links of the documentation lead somewhere, and every page can be found. */

import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { PAGES, anchorsOf, fencesOf, linksOf } from '../support/markdown.ts'

const links = PAGES.flatMap(linksOf)
const isExternal = (target: string): boolean => /^[a-z]+:/i.test(target)
const inside = links.filter(({ target }) => !isExternal(target))

/** The file that a link leads to, from the root of the repository. */
function fileOf(page: string, target: string): string {
  const [file = ''] = target.split('#')
  return file === '' ? page : path.join(path.dirname(page), decodeURIComponent(file))
}

describe('a link', () => {
  it('within the repository leads to a file or directory that exists', () => {
    const dead = inside.filter(({ page, target }) => !existsSync(fileOf(page, target)))
    assert.deepEqual(dead, [])
    assert.ok(inside.length > 200, `only ${inside.length} links were found`)
  })

  it('to a heading leads to one that exists', () => {
    const dead = inside.filter(({ page, target }) => {
      const [, anchor] = target.split('#')
      const file = fileOf(page, target)
      return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).has(anchor)
    })
    assert.deepEqual(dead, [])
  })

  it('to elsewhere is a whole address, and encrypted unless it is of this machine', () => {
    const wrong = links
      .filter(({ target }) => isExternal(target))
      .filter(({ target }) => {
        if (!URL.canParse(target)) return true
        const { protocol, hostname, username } = new URL(target)
        const local = hostname === 'localhost' || hostname === '127.0.0.1'
        return username !== '' || !(protocol === 'https:' || (protocol === 'http:' && local))
      })
    assert.deepEqual(wrong, [])
  })
})

describe('a page of docs/', () => {
  const docs = globSync('docs/**/*.md').toSorted()

  it('stands in the table of contents, docs/README.md or README.md', () => {
    const listed = new Set(
      [...linksOf('docs/README.md'), ...linksOf('README.md')].map(({ page, target }) =>
        fileOf(page, target),
      ),
    )
    assert.deepEqual(
      docs.filter((page) => page !== 'docs/README.md' && !listed.has(page)),
      [],
    )
  })

  it('begins with its one title, and then says in a sentence what it is about', () => {
    const wrong = docs.filter((page) => {
      const text = readFileSync(page, 'utf8')
      const fenced = new Set(fencesOf(page).flatMap(({ text: code }) => code.split('\n')))
      const titles = text.split('\n').filter((line) => line.startsWith('# ') && !fenced.has(line))
      return !/^# \S[^\n]*[^.\n]\n\n[A-Z`<][^\n]/.test(text) || titles.length !== 1
    })
    assert.deepEqual(wrong, [])
  })
})

describe('the anchors of a page', () => {
  it('are those of its headings, with a number where one stands twice', () => {
    assert.ok(anchorsOf('docs/telemetry.md').has('trace-context-and-baggage'))
    assert.ok(!anchorsOf('docs/configuration.md').has('examplessidelightyaml'))
  })
})
