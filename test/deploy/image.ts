/**
 * deploy/Dockerfile with a real engine: `npm run test:image`. It builds the image, or takes the one that
 * SIDELIGHT_IMAGE names. NODE_IMAGE is handed on, and BUILD_FLAGS, such as `--network=host --secret id=ca,src=FILE`.
 */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { parseJson } from '../support/json.ts'
import { waitFor } from '../support/wait-for.ts'

const { SIDELIGHT_IMAGE, NODE_IMAGE, BUILD_FLAGS = '' } = process.env
const IMAGE = SIDELIGHT_IMAGE ?? 'sidelight:tested'
const NAME = `sidelight-tested-${process.pid}`

const WITHIN = 60_000

/** As docker-compose.yml and the manifests for Kubernetes run it. */
const HARDENED = [
  '--read-only',
  '--cap-drop=ALL',
  '--security-opt=no-new-privileges',
  '--pids-limit=64',
  '--memory=192m',
]

const CONFIG = `
listen: { admin: 0.0.0.0:9464 }
auth: { allowUnauthenticated: true }
upstreams: { weather: { url: http://127.0.0.1:9/mcp } }
audit: { dir: /var/lib/sidelight/audit }
`

interface Ran {
  readonly status: number | null
  readonly text: string
}

function docker(...args: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync('docker', args, { encoding: 'utf8' })
  return { status, text: `${stdout}${stderr}` }
}

function must(...args: readonly string[]): string {
  const { status, text } = docker(...args)
  assert.equal(status, 0, `docker ${args.join(' ')}: ${text}`)
  return text.trim()
}

describe('the image', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sidelight-image-'))
  const config = path.join(folder, 'sidelight.yaml')

  before(() => {
    writeFileSync(config, CONFIG)
    if (SIDELIGHT_IMAGE === undefined) {
      const flags = BUILD_FLAGS.split(' ').filter((flag) => flag !== '')
      if (NODE_IMAGE !== undefined) flags.push('--build-arg', `NODE_IMAGE=${NODE_IMAGE}`)
      must('build', '--file', 'deploy/Dockerfile', '--tag', IMAGE, ...flags, '.')
    }
  })

  after(() => {
    docker('rm', '--force', '--volumes', NAME)
    docker('volume', 'rm', '--force', `${NAME}-data`, `${NAME}-program`)
    rmSync(folder, { recursive: true })
  })

  it('is healthy with everything taken away, takes nothing but its own commands, and stops in time', async () => {
    const mounted = [
      `--volume=${config}:/etc/sidelight/sidelight.yaml:ro`,
      `--volume=${NAME}-data:/var/lib/sidelight`,
    ]
    const flags = ['--detach', '--name', NAME, '--health-interval=1s', ...HARDENED, ...mounted]
    must('run', ...flags, IMAGE)
    await waitFor(
      () => must('inspect', NAME, '--format', '{{.State.Health.Status}}') === 'healthy',
      {
        within: WITHIN,
        what: () => `health; ${docker('logs', NAME).text}`,
      },
    )
    assert.equal(docker('exec', NAME, 'sidelight', 'healthcheck', '--ready').status, 0)
    assert.equal(docker('exec', NAME, '/bin/sh').status, 127)
    assert.match(
      must('exec', NAME, 'sidelight', 'audit', 'verify', '--dir', '/var/lib/sidelight/audit'),
      /verified|records/,
    )
    must('stop', '--time', '20', NAME)
    assert.equal(must('inspect', NAME, '--format', '{{.State.ExitCode}}'), '0')
  })

  it('says what it is, and is nobody in particular', () => {
    const { User, Labels, Volumes } = parseJson<{
      User: string
      Labels: Readonly<Record<string, string>>
      Volumes: unknown
    }>(must('inspect', IMAGE, '--format', '{{json .Config}}'))
    assert.equal(User, '1000:1000')
    assert.equal(Labels['org.opencontainers.image.title'], 'Sidelight')
    assert.equal(Labels['org.opencontainers.image.version'], '0.1.0')
    assert.ok(Volumes === undefined || Volumes === null)
    const other = must('run', '--rm', '--read-only', '--user=65532:65532', IMAGE, '--version')
    assert.equal(other, 'sidelight 0.1.0')
  })

  it('gives another container the program, by a volume that this one may only read', () => {
    const volume = `${NAME}-program`
    must(
      'run',
      '--rm',
      '--user=0',
      '--volume',
      `${volume}:/opt/agent`,
      IMAGE,
      'install',
      '/opt/agent',
    )
    const mounted = ['--volume', `${volume}:/opt/agent:ro`, '--entrypoint=/opt/agent/sidelight']
    assert.equal(must('run', '--rm', ...mounted, IMAGE, '--version'), 'sidelight 0.1.0')
  })
})
