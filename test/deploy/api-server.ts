/**
 * The manifests on a real API server: `npm run test:api-server`. KUBEBUILDER_ASSETS names a directory with
 * `kube-apiserver`, `etcd` and `kubectl`, such as `setup-envtest use -p path` prints. There is no node: what
 * the API makes of objects is seen, and no pod runs.
 */

import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { stringify } from 'yaml'
import { waitFor } from '../support/wait-for.ts'
import { isOperators } from './operator-schema.ts'
import { admit } from './support/admission.ts'
import { BREACHES, GOOD_POD, breach } from './support/bad-pods.ts'
import {
  EXAMPLES,
  ROOT,
  find,
  parseManifests,
  podOf,
  renderKustomize,
  renderOverlay,
  type Json,
} from './support/manifests.ts'
import { CROWDED, WORKLOADS } from './support/workloads.ts'

const BINARIES = process.env['KUBEBUILDER_ASSETS'] ?? ''

/** Both start in seconds; a busy machine may take many. */
const STARTED = { within: 120_000, what: 'the API server' }

const ADMITTED = { within: 30_000, what: 'the policy to be in force' }

const folder = mkdtempSync(path.join(tmpdir(), 'sidelight-api-server-'))
const running: ChildProcess[] = []
const address = { server: '' }

interface Ran {
  readonly ok: boolean
  readonly text: string
}

function kubectl(args: readonly string[], input?: string): Ran {
  const connection = [`--server=${address.server}`, '--token=test', '--insecure-skip-tls-verify']
  const { status, stdout, stderr } = spawnSync(
    path.join(BINARIES, 'kubectl'),
    [...connection, ...args],
    { encoding: 'utf8', cwd: ROOT, maxBuffer: 64 << 20, ...(input !== undefined && { input }) },
  )
  return { ok: status === 0, text: status === 0 ? stdout : `${stdout}${stderr}` }
}

function must(args: readonly string[], input?: string): string {
  const { ok, text } = kubectl(args, input)
  assert.ok(ok, `kubectl ${args.join(' ')}: ${text}`)
  return text
}

function start(name: string, ...args: readonly string[]): void {
  running.push(spawn(path.join(BINARIES, name), args, { stdio: 'ignore' }))
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const found = server.address()
  server.close()
  await once(server, 'close')
  return typeof found === 'object' && found !== null ? found.port : 0
}

/** Up to 1.35 the policies have to be switched on. */
function featureGates(): readonly string[] {
  const { stdout } = spawnSync(path.join(BINARIES, 'kube-apiserver'), ['--version'], {
    encoding: 'utf8',
  })
  const minor = Number(/v1\.(\d+)\./.exec(stdout)?.[1])
  return minor < 36 ? ['--feature-gates=MutatingAdmissionPolicy=true'] : []
}

/** For tokens of service accounts. */
function writeKeys(): { readonly signing: string; readonly checking: string } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const signing = path.join(folder, 'sa.key')
  const checking = path.join(folder, 'sa.pub')
  writeFileSync(signing, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(checking, publicKey.export({ type: 'spki', format: 'pem' }))
  return { signing, checking }
}

async function startServers(): Promise<void> {
  const [client, peer, secure] = await Promise.all([freePort(), freePort(), freePort()])
  const etcd = `http://127.0.0.1:${client}`
  const peers = `http://127.0.0.1:${peer}`
  start(
    'etcd',
    `--data-dir=${path.join(folder, 'etcd')}`,
    `--listen-client-urls=${etcd}`,
    `--advertise-client-urls=${etcd}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=default=${peers}`,
  )
  const keys = writeKeys()
  writeFileSync(path.join(folder, 'tokens.csv'), 'test,test,test,"system:masters"\n')
  start(
    'kube-apiserver',
    `--etcd-servers=${etcd}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${secure}`,
    `--cert-dir=${folder}`,
    '--service-cluster-ip-range=10.96.0.0/24',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${keys.checking}`,
    `--service-account-signing-key-file=${keys.signing}`,
    `--token-auth-file=${path.join(folder, 'tokens.csv')}`,
    '--authorization-mode=AlwaysAllow',
    '--allow-privileged=true',
    '--runtime-config=admissionregistration.k8s.io/v1beta1=true',
    ...featureGates(),
  )
  address.server = `https://127.0.0.1:${secure}`
  await waitFor(() => kubectl(['get', '--raw', '/readyz']).ok, STARTED)
}

/** There is nobody but us to make the service accounts of a namespace. */
function createNamespace(name: string, labels: Readonly<Record<string, string>>): void {
  must(
    ['apply', '-f', '-'],
    stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }),
  )
  for (const account of ['default', 'research']) {
    must(['create', 'serviceaccount', account, '--namespace', name])
  }
}

const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' }

/** What the server would make of a pod, or why it takes none. */
function create(pod: Json, namespace: string): Ran {
  const args = ['create', '--dry-run=server', '--namespace', namespace, '-f', '-', '-o', 'json']
  return kubectl(args, stringify({ apiVersion: 'v1', kind: 'Pod', ...pod }))
}

const dryRun = (objects: readonly Json[]): string =>
  must(
    ['apply', '--dry-run=server', '--namespace', 'agents', '-f', '-'],
    objects.map((object) => stringify(object)).join('---\n'),
  )

const initContainers = ({ text }: Ran): readonly string[] =>
  JSON.parse(text).spec.initContainers?.map(({ name }: Json) => name) ?? []

const labelled = (value: string): Json => {
  const pod = podOf(CROWDED)
  pod.metadata.labels['sidelight.dev/inject'] = value
  return pod
}

const ours = (list: readonly Json[]): readonly Json[] =>
  list.filter(({ name }) => name.startsWith('sidelight'))

describe('a real API server', { skip: BINARIES === '' && 'KUBEBUILDER_ASSETS is not set' }, () => {
  before(async () => {
    await startServers()
    createNamespace('agents', RESTRICTED)
    createNamespace('asking', { ...RESTRICTED, 'sidelight.dev/inject': 'true' })
  })

  after(async () => {
    await Promise.all(
      running.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return
        child.kill('SIGKILL')
        await once(child, 'exit')
      }),
    )
    rmSync(folder, { recursive: true })
  })

  it('takes every component over every kind of workload, and the examples', async () => {
    const rendered = await renderOverlay(
      [...WORKLOADS, { ...CROWDED, metadata: { name: 'crowded' } }],
      ['sidecar', 'program', 'scrape-annotations', 'network-policy'],
    )
    assert.match(dryRun(rendered), /deployment\.apps\/crowded created/)
    for (const example of EXAMPLES) {
      dryRun(renderKustomize(example).filter((object) => !isOperators(object)))
    }
  })

  it('refuses every breach of "restricted" that our own check knows', () => {
    assert.ok(create(GOOD_POD, 'agents').ok)
    const taken = Object.keys(BREACHES).filter((name) => create(breach(name), 'agents').ok)
    assert.deepEqual(taken, [])
  })

  it('takes pods with the sidecar where "restricted" is enforced', async () => {
    for (const workload of await renderOverlay(WORKLOADS, ['sidecar', 'program'])) {
      const made = create(podOf(workload), 'agents')
      assert.ok(made.ok, made.text)
    }
  })

  for (const [version, directory] of Object.entries({
    v1: 'injection',
    v1beta1: 'injection-v1beta1',
  })) {
    it(`puts the sidecar into pods that ask for it, by ${version}`, async (context) => {
      const kustomize = `deploy/kustomize/${directory}`
      if (!must(['api-versions']).includes(`admissionregistration.k8s.io/${version}\n`)) {
        return context.skip(`this API server does not serve ${version}`)
      }
      must(['apply', '-k', kustomize])
      const made = await waitFor(() => {
        const answer = create(podOf(CROWDED), 'asking')
        return answer.ok && initContainers(answer).length === 2 && answer
      }, ADMITTED)
      const { spec } = JSON.parse(made.text)
      const text = readFileSync(path.join(ROOT, kustomize, 'policy.yaml'), 'utf8')
      const policy = find(parseManifests(text), 'MutatingAdmissionPolicy')
      const expected = admit(policy, podOf(CROWDED)).spec
      const [sidecar] = spec.initContainers
      // The server adds defaults, and the token for its own API as to every container.
      sidecar.volumeMounts = ours(sidecar.volumeMounts)
      assert.partialDeepStrictEqual(sidecar, expected.initContainers[0])
      assert.deepEqual(ours(spec.volumes).map(withoutMode), ours(expected.volumes))
      assert.equal(spec.terminationGracePeriodSeconds, expected.terminationGracePeriodSeconds)

      assert.deepEqual(initContainers(create(labelled('true'), 'agents')), ['sidelight', 'migrate'])
      assert.deepEqual(initContainers(create(labelled('false'), 'asking')), ['migrate'])
      assert.deepEqual(initContainers(create(podOf(CROWDED), 'agents')), ['migrate'])
      must(['delete', '-k', kustomize])
    })
  }
})

/** Without the mode of files that the server adds. */
function withoutMode(volume: Json): Json {
  const copy = structuredClone(volume)
  for (const source of ['configMap', 'secret', 'projected']) delete copy[source]?.defaultMode
  return copy
}
