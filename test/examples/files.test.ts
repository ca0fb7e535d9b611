/** What holds of every example: it can be copied, its types are right, its configuration is valid. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { before, describe, it } from 'node:test'
import { parseJson } from '../support/json.ts'
import { closeAfterTest } from '../support/scope.ts'
import { runSidelight } from '../support/sidecar-process.ts'
import { ROOT } from './example.ts'

interface Manifest {
  readonly private?: boolean
  readonly dependencies: Readonly<Record<string, string>>
}

function readManifest(file: string): Manifest {
  return parseJson(readFileSync(file, 'utf8'))
}

before(() => process.chdir(ROOT))

describe('an example', () => {
  it('says in a README what it shows, and is told of in docs/examples.md', () => {
    const page = readFileSync('docs/examples.md', 'utf8')
    const folders = globSync('examples/*/').map((folder) => path.basename(folder))
    assert.ok(folders.length > 6)
    for (const folder of folders) {
      // What is made for `kubectl` is told of where it is used.
      if (existsSync(`examples/${folder}/kustomization.yaml`)) continue
      assert.match(readFileSync(`examples/${folder}/README.md`, 'utf8'), /^# \S/)
      assert.ok(page.includes(`](../examples/${folder}/README.md)`), folder)
    }
  })

  it('needs packages that are tested, in the version that is tested', () => {
    const tested = readManifest('test/clients/package.json').dependencies
    for (const file of globSync('examples/*/package.json')) {
      const { dependencies, private: isPrivate } = readManifest(file)
      assert.equal(isPrivate, true, file)
      for (const [name, version] of Object.entries(dependencies)) {
        assert.equal(version, tested[name], `${name} of ${file}`)
      }
    }
  })

  it('imports nothing but its own files and the packages that it names', () => {
    for (const file of globSync('examples/*/*.ts')) {
      const { dependencies } = readManifest(path.join(path.dirname(file), 'package.json'))
      const text = readFileSync(file, 'utf8')
      for (const [, from = ''] of text.matchAll(/^(?:import|\}) .*from '([^']+)'$/gm)) {
        const name = /^(?:@[^/]+\/)?[^/]+/.exec(from)?.[0] ?? ''
        const known = from.startsWith('./') || from.startsWith('node:') || name in dependencies
        assert.ok(known, `${file} imports ${from}`)
      }
    }
  })

  it('shares what others have to the letter', () => {
    const copies = new Set(
      globSync('examples/*/telemetry.ts').map((file) => readFileSync(file, 'utf8')),
    )
    assert.equal(copies.size, 1)
  })

  it('has types that hold', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'sidelight-examples-'))
    closeAfterTest(() => rm(folder, { recursive: true }))
    await cp('examples', folder, {
      recursive: true,
      filter: (source) => path.basename(source) !== 'node_modules',
    })
    await symlink(path.resolve('test/clients/node_modules'), path.join(folder, 'node_modules'))
    const compiler = path.resolve('node_modules/.bin/tsc')
    const types = ['--typeRoots', path.resolve('node_modules/@types')]
    const { status, stdout } = spawnSync(compiler, ['-p', '.', ...types], {
      cwd: folder,
      encoding: 'utf8',
    })
    assert.equal(status, 0, stdout)
  })

  it('has configuration files that `sidelight check` accepts', async () => {
    const files = globSync('examples/{,*/}*.yaml').filter((file) =>
      /^upstreams:/m.test(readFileSync(file, 'utf8')),
    )
    assert.ok(files.length > 10)
    for (const file of files.toSorted()) {
      const { code, stderr } = await runSidelight(['check', file])
      assert.equal(code, 0, `${file}: ${stderr}`)
    }
  })
})
