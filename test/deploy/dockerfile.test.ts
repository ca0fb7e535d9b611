/**
 * deploy/Dockerfile: what it says, and its stages carried out here, without an engine of containers. `npm run
 * test:image` does the same with one.
 */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { parseJson } from '../support/json.ts'
import { freePort } from '../support/raw-upstream.ts'
import { bounded, waitFor } from '../support/wait-for.ts'
import { readDockerfile, the, type Instruction, type Stages } from './dockerfile.ts'

/** Mounts of its own, and another root: root may do both, if whoever runs it lets it. */
const ROOT =
  spawnSync('unshare', ['--mount', 'true']).status === 0
    ? false
    : 'needs root, and mounts of its own'

/** Loading the program on a busy machine. */
const WITHIN = 60_000

const configOf = (adminPort: number): string => `
listen: { data: 127.0.0.1:0, admin: 127.0.0.1:${adminPort} }
upstreams: { weather: { url: http://127.0.0.1:9/mcp } }
audit: { dir: /var/lib/sidelight/audit }
`

describe('deploy/Dockerfile', () => {
  let stages: Stages = new Map()
  let sidecar: readonly Instruction[] = []

  before(async () => {
    stages = await readDockerfile()
    sidecar = stages.get('sidecar') ?? []
  })

  it('makes the sidecar when no target is named, from nothing', () => {
    assert.deepEqual([...stages.keys()], ['', 'package', 'root', 'demo', 'sidecar'])
    assert.equal(the(sidecar, 'FROM').words[0], 'scratch')
  })

  it('takes one base image for all else, pinned by its digest', () => {
    const { text } = the(stages.get(''), 'ARG')
    assert.match(text, /^NODE_IMAGE=node:26-slim@sha256:[0-9a-f]{64}$/)
    for (const name of ['package', 'root', 'demo']) {
      assert.equal(the(stages.get(name), 'FROM').words[0], '${NODE_IMAGE}', name)
    }
  })

  it('ends as a user with a number, never as root', () => {
    for (const name of ['demo', 'sidecar']) {
      assert.equal(the(stages.get(name), 'USER').text, '1000:1000', name)
    }
  })

  it('has V8 leave less garbage, in an option that Node takes from the environment', () => {
    const options = 'NODE_OPTIONS=--max-semi-space-size=4'
    assert.ok(sidecar.some(({ keyword, words }) => keyword === 'ENV' && words.includes(options)))
    assert.ok(process.allowedNodeEnvironmentFlags.has('--max-semi-space-size'))
  })

  it('starts, and is asked how it is, without a shell', () => {
    assert.deepEqual(the(sidecar, 'ENTRYPOINT').exec, ['/opt/sidelight/sidelight'])
    const config = '/etc/sidelight/sidelight.yaml'
    assert.deepEqual(the(sidecar, 'CMD').exec, ['run', '--config', config])
    assert.deepEqual(the(sidecar, 'HEALTHCHECK').exec, [
      '/opt/sidelight/sidelight',
      'healthcheck',
      '--config',
      config,
    ])
    // There is nothing that a RUN could run.
    assert.ok(sidecar.every(({ keyword }) => keyword !== 'RUN' && keyword !== 'SHELL'))
  })

  it('copies into it from its own stages alone', () => {
    const copies = sidecar.filter(({ keyword }) => keyword === 'COPY')
    assert.deepEqual(
      copies.map(({ flags, text }) => `${flags['from']} ${text}`),
      ['root /owned/ /', 'root /root-of-image/ /', 'root /opt/sidelight/ /opt/sidelight/'],
    )
    assert.ok(sidecar.every(({ keyword }) => keyword !== 'ADD'))
  })

  it('is labelled as OCI images are, with the version of the package', () => {
    const labels = the(sidecar, 'LABEL').text
    for (const name of ['title', 'description', 'licenses', 'version', 'revision', 'source']) {
      assert.match(labels, new RegExp(`org\\.opencontainers\\.image\\.${name}="[^"]+"`), name)
    }
    const manifest = parseJson<{ version: string }>(readFileSync('package.json', 'utf8'))
    const given = sidecar.filter(({ keyword }) => keyword === 'ARG').map(({ text }) => text)
    assert.deepEqual(given, [`VERSION=${manifest.version}`, 'REVISION=unknown', 'SOURCE='])
  })

  it('keeps the certificate of a proxy out of every layer, and has no other secret', () => {
    for (const one of [...stages.values()].flat()) {
      if (one.keyword === 'RUN' && one.text.includes('npm ci')) {
        assert.equal(one.flags['mount'], 'type=secret,id=ca,required=false')
      }
      if (one.keyword === 'ARG' || one.keyword === 'ENV') {
        assert.doesNotMatch(one.text, /token|secret|password|key/i)
      }
    }
  })

  it('is sent no more than it copies', () => {
    const ignored = readFileSync('.dockerignore', 'utf8').split('\n')
    const sent = ignored.filter((line) => line.startsWith('!')).map((line) => line.slice(1))
    const copied = [...stages.values()]
      .flat()
      .filter(({ keyword, flags }) => keyword === 'COPY' && flags['from'] === undefined)
      .flatMap(({ words }) => words.slice(0, -1))
    assert.deepEqual(new Set(sent), new Set(copied))
  })
})

describe('the image, made of its stages', { skip: ROOT }, () => {
  let root = ''
  /** Its own mounts: /opt is empty at first, and the image's root is read-only afterwards. */
  const inside = (script: string): readonly [string, readonly string[]] => [
    'unshare',
    ['--mount', '--propagation', 'private', '/bin/bash', '-ec', script],
  ]
  const asUser = `mount --bind "$ROOT" "$ROOT"
    mount -t proc proc "$ROOT/proc"
    mount -t tmpfs -o mode=0700,uid=1000,gid=1000 data "$ROOT/var/lib/sidelight"
    mount -o remount,bind,ro "$ROOT"
    exec chroot --userspec=1000:1000 "$ROOT"`
  const env = (): Record<string, string> => ({ PATH: process.env['PATH'] ?? '', ROOT: root })

  before(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'sidelight-image-'))
    await chmod(root, 0o755)
    const built = spawnSync('npm', ['run', 'build', '--silent'], { encoding: 'utf8' })
    assert.equal(built.status, 0, built.stderr)
    const [command, args] = inside(`mount -t tmpfs opt /opt
      "$NODE" deploy/image/prepare.ts dist "$ROOT"
      mkdir -p "$ROOT/opt" "$ROOT/proc" "$ROOT/etc/sidelight" "$ROOT/var/lib/sidelight"
      cp -a /opt/sidelight "$ROOT/opt/"`)
    const made = spawnSync(command, args, {
      env: { ...env(), NODE: process.execPath },
      encoding: 'utf8',
    })
    assert.equal(made.status, 0, made.stderr)
    await writeFile(path.join(root, 'etc/sidelight/sidelight.yaml'), configOf(await freePort()))
  })

  after(() => rm(root, { recursive: true, force: true }))

  it('holds the program, what was compiled ahead, and no other program', async () => {
    assert.deepEqual((await readdir(path.join(root, 'opt/sidelight'))).toSorted(), [
      'package',
      'runtime',
      'sidelight',
    ])
    const [version = ''] = await readdir(path.join(root, 'opt/sidelight/package/cache'))
    // For this version and processor, and for every user.
    assert.match(version, /^v26\.\d+\.\d+-\w+-[0-9a-f]+$/)
    const files = spawnSync('find', [root, '-type', 'f', '-perm', '/111'], { encoding: 'utf8' })
    const programs = files.stdout
      .split('\n')
      .filter((file) => file !== '' && !/\.so[.\d]*$/.test(file))
    assert.deepEqual(programs.map((file) => path.relative(root, file)).toSorted(), [
      'opt/sidelight/runtime/node',
      'opt/sidelight/runtime/sidelight',
      'opt/sidelight/sidelight',
    ])
  })

  it('lists what it is made of, npm packages, Node and libraries, for scanners', async () => {
    const bill = parseJson<{ components: readonly { name: string; purl: string }[] }>(
      readFileSync(path.join(root, 'usr/share/doc/sidelight/sbom.cdx.json'), 'utf8'),
    )
    const purls = bill.components.map(({ purl }) => purl)
    assert.ok(purls.some((purl) => purl.startsWith('pkg:npm/lit-html@')))
    assert.ok(purls.includes(`pkg:generic/node@${process.versions.node}`))
    const debian = await readdir(path.join(root, 'var/lib/dpkg/status.d')).catch(() => [])
    for (const name of debian) {
      assert.ok(
        purls.some((purl) => purl.startsWith(`pkg:deb/debian/${name}@`)),
        name,
      )
    }
  })

  it('becomes healthy with a read-only root as a user without rights, and ends well', async () => {
    const [command, args] = inside(
      `${asUser} /opt/sidelight/sidelight run --config /etc/sidelight/sidelight.yaml`,
    )
    const child = spawn(command, args, { env: env(), stdio: ['ignore', 'ignore', 'pipe'] })
    const ended = once(child, 'close')
    let log = ''
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
    try {
      await waitFor(
        () => {
          const [inspect, words] = inside(
            `${asUser} /opt/sidelight/sidelight healthcheck --config /etc/sidelight/sidelight.yaml`,
          )
          assert.equal(child.exitCode, null, log)
          return spawnSync(inspect, words, { env: env() }).status === 0
        },
        { within: WITHIN, what: () => `the sidecar to be healthy; it wrote: ${log}` },
      )
      child.kill('SIGTERM')
      await bounded(ended, { within: WITHIN, what: () => `its end; it wrote: ${log}` })
      assert.equal(child.exitCode, 0, log)
    } finally {
      if (child.exitCode === null) child.kill('SIGKILL')
    }
  })
})
