/**
 * What is wrong around a sidecar: a name that nobody knows, a certificate that nobody trusts, files that
 * are missing or go away. docs/operations.md rests on it.
 */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { WatchedFile } from '../../src/auth/watched-file.ts'
import { ConfigWatch } from '../../src/cli/config-watch.ts'
import { listen } from '../support/otlp-collector.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { runSidelight } from '../support/sidecar-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { startTestSidecar } from '../support/test-sidecar.ts'
import { ask } from './scene.ts'

test('an upstream whose name nobody knows cannot be reached, and others are not held up', async () => {
  const good = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: {
      lost: 'http://sidelight.invalid:3001/mcp',
      good: good.url,
    },
  })
  const lost = ask(sidecar.url('lost'))
  assert.equal((await ask(sidecar.url('good'))).text, 'done')
  const { status, kind, reason, text } = await lost
  assert.deepEqual([status, kind, reason], [200, 'isError', 'connect'])
  assert.match(text, /^The MCP server "lost" cannot be reached\. The tool did not run\./)
})

test('an upstream with a certificate that nobody trusts gets no call', async () => {
  const directory = await temporaryDirectory()
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  await promisify(execFile)('openssl', [
    ...'req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:P-256'.split(' '),
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-subj',
    '/CN=nobody',
    '-out',
    cert,
    '-keyout',
    key,
  ])
  let asked = 0
  const server = createServer({ cert: await readFile(cert), key: await readFile(key) }, () => {
    asked += 1
  })
  const { port } = new URL(await listen(server))
  closeAfterTest(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const sidecar = await startTestSidecar({ upstreams: { main: `https://127.0.0.1:${port}/mcp` } })
  const { status, kind, reason } = await ask(sidecar.url('main'))
  assert.deepEqual([status, kind, reason], [200, 'isError', 'connect'])
  assert.equal(asked, 0)
  const failed = sidecar.logs.find(({ event }) => event === 'sidelight.upstream.failed')
  assert.equal(failed?.fields['sidelight.detail'], 'DEPTH_ZERO_SELF_SIGNED_CERT')
})

test('a start without the file of a credential is refused, and names the file and not what is in others', async () => {
  const directory = await temporaryDirectory()
  const file = join(directory, 'sidelight.yaml')
  const secret = join(directory, 'token')
  const headers = { Authorization: { file: secret, prefix: 'Bearer ' } }
  await writeFile(
    file,
    JSON.stringify({ upstreams: { main: { url: 'http://127.0.0.1:9/mcp', headers } } }),
  )
  const { code, stderr } = await runSidelight([
    'run',
    '--config',
    file,
    '--listen',
    '127.0.0.1:0',
    '--admin',
    'off',
  ])
  assert.equal(code, 1)
  assert.ok(stderr.includes(secret), stderr)
  assert.match(stderr, /ENOENT/)
})

test('a configuration file that is gone changes nothing, and one that comes back is read', async () => {
  const file = join(await temporaryDirectory(), 'sidelight.yaml')
  await writeFile(file, 'one')
  let changes = 0
  const watch = new ConfigWatch(file, () => Promise.resolve(void (changes += 1)))
  watch.start('one')
  closeAfterTest(() => Promise.resolve(watch.stop()))
  await rm(file)
  await watch.look()
  assert.equal(changes, 0)
  await writeFile(file, 'another')
  await watch.look()
  assert.equal(changes, 1)
})

test('a file of authentication that goes away, or turns wrong, leaves in force what it said', async () => {
  const path = join(await temporaryDirectory(), 'revoked.json')
  await writeFile(path, 'first')
  const used: string[] = []
  const problems: string[] = []
  const watched = new WatchedFile({
    path,
    bytesMax: 100,
    use: (text) => (text === 'wrong' ? 'it is wrong' : void used.push(text)),
    onProblem: (problem) => problems.push(problem),
    onChange: () => {},
  })
  assert.equal(watched.load(), undefined)
  await rm(path)
  await watched.refresh()
  await watched.refresh()
  await writeFile(path, 'wrong')
  await watched.refresh()
  assert.deepEqual([used, problems], [['first'], ['ENOENT']])
  await writeFile(path, 'second')
  await watched.refresh()
  assert.deepEqual(used, ['first', 'second'])
})
