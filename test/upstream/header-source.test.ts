import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { LogFields } from '../../src/core/log.ts'
import { HeaderSource, type HeaderValue } from '../../src/upstream/header-source.ts'
import { closeAfterTest } from '../support/scope.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

interface Scene {
  readonly directory: string
  /** Where the secret is. */
  readonly file: string
  readonly source: HeaderSource
  readonly logged: { readonly event: string; readonly fields: LogFields | undefined }[]
  readonly load: (
    headers: Readonly<Record<string, HeaderValue>>,
  ) => ReturnType<HeaderSource['load']>
  readonly value: (name?: string) => string | undefined
}

async function newScene(): Promise<Scene> {
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-'))
  closeAfterTest(() => rm(directory, { recursive: true, force: true }))
  const logged: Scene['logged'] = []
  const source = new HeaderSource({
    enabled: () => true,
    write: (_level, event, _body, fields) => void logged.push({ event, fields }),
  })
  return {
    directory,
    file: join(directory, 'token'),
    source,
    logged,
    load: (headers) => source.load(headers),
    value: (name = 'authorization') => source.current.get(name)?.value,
  }
}

/** Writes a file whose time of change is another one each time, however quick the test is. */
async function write(file: string, content: string, second: number): Promise<void> {
  await writeFile(file, content)
  await utimes(file, second, second)
}

/** The scene after the file has been read for the first time. */
async function loaded(content = 'one\n'): Promise<Scene> {
  const scene = await newScene()
  await write(scene.file, content, 1_000)
  const header = { Authorization: { file: scene.file, prefix: 'Bearer ' } }
  assert.equal(scene.load(header), undefined)
  return scene
}

describe('A header that is set', () => {
  it('has the value that was given, and its name as it was spelled', async () => {
    const { load, source } = await newScene()
    load({ 'X-Api-KEY': 'k', 'x-empty': '' })
    assert.deepEqual(
      [...source.current],
      [
        ['x-api-key', { name: 'X-Api-KEY', value: 'k' }],
        ['x-empty', { name: 'x-empty', value: '' }],
      ],
    )
  })

  it('may come from a file, behind a prefix and without the line feed at its end', async () => {
    for (const content of ['secret', 'secret\n', ' secret\r\n', '\nsecret\n\n']) {
      const { value } = await loaded(content)
      assert.equal(value(), 'Bearer secret', JSON.stringify(content))
    }
  })
})

describe('A file that cannot be read', () => {
  it('at the start is told by its path and an error code', async () => {
    const { load, directory, file } = await newScene()
    const fails = (): unknown => load({ a: { file, prefix: '' } })
    assert.deepEqual(fails(), { kind: 'failed', file, code: 'ENOENT' })
    await mkdir(join(directory, 'token'))
    assert.deepEqual(fails(), { kind: 'failed', file, code: 'EISDIR' })
  })

  it('at the start is one with nothing in it, with a line break, with control characters, or too large', async () => {
    const contents = [
      '',
      '\n',
      'a\nb',
      'a\r\nb',
      'a\u0000b',
      'a\u007f',
      '\u20ac',
      'x'.repeat(65_537),
    ]
    for (const content of contents) {
      const { load, file } = await newScene()
      await writeFile(file, content)
      const failure = load({ a: { file, prefix: '' } })
      assert.deepEqual(failure, { kind: 'failed', file, code: 'invalid' }, content.slice(0, 9))
    }
  })

  it('later leaves the value as it was, and is logged once and without its content', async () => {
    const { source, file, value, logged } = await loaded()
    const bad = ['', 'SECRET\nSECRET', `SECRET${'x'.repeat(65_537)}`]
    for (const [index, content] of bad.entries()) {
      await write(file, content, 2_000 + index)
      await source.refresh()
      assert.equal(value(), 'Bearer one')
    }
    await rm(file)
    await source.refresh()
    assert.equal(value(), 'Bearer one')
    assert.deepEqual(
      logged.map(({ event, fields }) => [
        event,
        fields?.['file.path'],
        fields?.['sidelight.detail'],
      ]),
      [['sidelight.secret.unreadable', file, 'invalid']],
    )
    assert.doesNotMatch(JSON.stringify(logged), /SECRET/)
    await write(file, 'back\n', 3_000)
    await source.refresh()
    assert.equal(value(), 'Bearer back')
    await rm(file)
    await source.refresh()
    assert.deepEqual([logged.length, logged.at(-1)?.fields?.['sidelight.detail']], [2, 'ENOENT'])
  })
})

describe('A file that changes', () => {
  it('is read again', async () => {
    const { source, file, value } = await loaded()
    await write(file, 'two\n', 2_000)
    assert.equal(value(), 'Bearer one')
    await source.refresh()
    assert.equal(value(), 'Bearer two')
  })

  it('is read again when another one takes its place', async () => {
    const { source, file, directory, value } = await loaded()
    await source.refresh()
    const next = join(directory, 'next')
    await write(next, 'two\n', 1_000)
    await rename(next, file)
    await source.refresh()
    assert.equal(value(), 'Bearer two')
  })

  it('is read again when a link on its way points elsewhere, as Kubernetes mounts secrets', async () => {
    const { source, directory, load, value } = await newScene()
    for (const [version, content] of [
      ['v1', 'one\n'],
      ['v2', 'two\n'],
    ] as const) {
      await mkdir(join(directory, version))
      await write(join(directory, version, 'token'), content, 1_000)
    }
    await symlink('v1', join(directory, '..data'))
    await symlink(join('..data', 'token'), join(directory, 'token'))
    load({ Authorization: { file: join(directory, 'token'), prefix: '' } })
    assert.equal(value(), 'one')
    await source.refresh()
    assert.equal(value(), 'one')
    await symlink('v2', join(directory, '..data_tmp'))
    await rename(join(directory, '..data_tmp'), join(directory, '..data'))
    await source.refresh()
    assert.equal(value(), 'two')
  })

  it('changes its own header alone', async () => {
    const { source, file, directory, load, value } = await newScene()
    const other = join(directory, 'other')
    await write(file, 'a', 1_000)
    await write(other, 'b', 1_000)
    load({ One: { file, prefix: '' }, Two: { file: other, prefix: 'p-' }, Three: 'c' })
    await write(other, 'B', 2_000)
    await source.refresh()
    assert.deepEqual(['one', 'two', 'three'].map(value), ['a', 'p-B', 'c'])
  })

  it('is looked at every five seconds, and no more often', async () => {
    const { source, file, value } = await loaded()
    source.tick(10_000)
    await waitFor(() => value() === 'Bearer one', { within: SOON, what: 'the first look' })
    await write(file, 'two\n', 2_000)
    for (let now = 10_500; now < 15_000; now += 500) source.tick(now)
    await source.refresh()
    await write(file, 'three\n', 3_000)
    source.tick(14_999)
    assert.equal(value(), 'Bearer two')
    source.tick(15_000)
    await waitFor(() => value() === 'Bearer three', { within: SOON, what: 'the second look' })
  })
})
