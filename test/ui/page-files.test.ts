import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { createPageFiles } from '../../src/ui/page-files.ts'

async function allFiles(): Promise<ReadonlyMap<string, string>> {
  const files = createPageFiles()
  const texts = new Map<string, string>()
  for (const name of files.paths) {
    texts.set(name, String((await files.find(name))?.body))
  }
  return texts
}

describe('the files of the status page', () => {
  it('weigh less than 300 kB together, unzipped', async () => {
    const texts = await allFiles()
    const bytes = [...texts.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    assert.ok(bytes < 300_000, `${bytes} bytes`)
    assert.ok(bytes > 100_000, 'the libraries are among them')
  })

  it('are served all, each by its own name', async () => {
    const files = createPageFiles()
    const served = new Set(files.paths)
    for (const file of globSync('src/ui/page/*.{js,css,svg}')) {
      assert.ok(served.has(`/ui/${path.basename(file)}`), file)
    }
    assert.equal(await files.find('/ui/../package.json'), undefined)
    assert.equal(await files.find('/ui/tsconfig.json'), undefined)
  })

  it('import nothing that is not served', async () => {
    const texts = await allFiles()
    let imports = 0
    for (const [name, text] of texts) {
      if (!name.endsWith('.js')) continue
      const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '')
      // A snippet for clients in a text is no import of the page.
      const found = name.startsWith('/ui/lib/')
        ? code.matchAll(/(?:from|import)"([^"]+)"/g)
        : code.matchAll(/^import [^'"]*'([^']+)'/gm)
      for (const [, target = ''] of found) {
        imports += 1
        const url = new URL(target, `http://page${name}`)
        assert.ok(texts.has(url.pathname), `${name} imports ${target}`)
      }
    }
    assert.ok(imports > 30)
  })

  it('hold no script, style or handler in the document, and ask nobody else for anything', async () => {
    const texts = await allFiles()
    const index = texts.get('/') ?? ''
    assert.doesNotMatch(index, /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/i)
    for (const [, target = ''] of index.matchAll(/(?:src|href)="([^"]+)"/g)) {
      assert.match(target, /^[/#]/, target)
      assert.ok(/^[#]|^\/(api|metrics)/.test(target) || texts.has(target), target)
    }
    assert.doesNotMatch(texts.get('/ui/style.css') ?? '', /@import|url\(/)
  })

  it('never make HTML of text', () => {
    for (const file of globSync('src/ui/page/*.js')) {
      const text = readFileSync(file, 'utf8')
      assert.doesNotMatch(
        text,
        /innerHTML|outerHTML|insertAdjacentHTML|document\.write|unsafeHTML/,
        file,
      )
    }
  })
})
