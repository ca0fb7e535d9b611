/** What is published: built, packed, installed in an empty folder, and run on every line of Node. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { newKeyPair } from '../support/key-pair.ts'
import { listen } from '../support/otlp-collector.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startSidecarProcess } from '../support/sidecar-process.ts'

const LINES = ['22.19.0', '24.22.3']
const ENDS_WITHIN = 60_000

/** The copy is for Linux; root may make a directory the root of a process. */
const COPIES =
  process.platform === 'linux' && process.getuid?.() === 0 ? false : 'needs Linux, and root'

function npm(args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd, encoding: 'utf8' })
  assert.equal(status, 0, `npm ${args.join(' ')}: ${stderr}`)
  return stdout
}

function build(): string {
  npm(['run', 'build', '--silent'], '.')
  const hash = createHash('sha256')
  for (const file of globSync('dist/**/*').toSorted()) {
    if (statSync(file).isFile()) hash.update(`${file}\n`).update(readFileSync(file))
  }
  return hash.digest('hex')
}

/** Written by a process at its end, when it is started with it. */
const TELLS_OF_TLS = `process.on('exit', () => console.error('TLS is loaded: ' + process.moduleLoadList.includes('NativeModule tls')))`

const PING = '{"jsonrpc":"2.0","id":7,"method":"ping"}'

describe('the package', () => {
  let folder = ''
  let main = ''
  let digest = ''

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'sidelight-package-'))
    digest = build()
    const tarball = npm(['pack', '--silent', '--pack-destination', folder, './dist'], '.').trim()
    await writeFile(path.join(folder, 'package.json'), '{"private":true}')
    // Whatever it needs besides itself could not be fetched.
    npm(['install', '--offline', '--no-audit', '--no-fund', `./${tarball}`], folder)
    main = path.join(folder, 'node_modules/sidelight/lib/main.js')
  })

  after(() => rm(folder, { recursive: true }))

  it('is the same, byte for byte, when it is built again', () => {
    assert.equal(build(), digest)
  })

  it('installs as one package of at most 1.8 MB of code, of which the MCP server is seldom loaded', async () => {
    const installed = await readdir(path.join(folder, 'node_modules'))
    assert.deepEqual(
      installed.filter((name) => !name.startsWith('.')),
      ['sidelight'],
    )
    const code = globSync(`${path.dirname(main)}/**/*.js`).filter(
      (file) => !file.includes('/page/'),
    )
    const bytes = code.reduce((sum, file) => sum + statSync(file).size, 0)
    const mcp = code.filter((file) => readFileSync(file, 'utf8').includes('_registeredPrompts'))
    const mcpBytes = mcp.reduce((sum, file) => sum + statSync(file).size, 0)
    assert.equal(mcp.length, 1)
    assert.ok(mcpBytes > 200_000 && mcpBytes <= 300_000, `${mcpBytes} bytes of the MCP server`)
    assert.ok(bytes > 500_000 && bytes - mcpBytes <= 1_550_000, `${bytes - mcpBytes} bytes`)
    assert.ok(bytes <= 1_800_000, `${bytes} bytes in all`)
  })

  it('brings the licences of what it holds, and a bill of materials', () => {
    const licences = readFileSync(
      path.join(path.dirname(main), '../THIRD-PARTY-LICENCES.txt'),
      'utf8',
    )
    for (const name of [
      'hono',
      '@hono/node-server',
      'zod',
      'yaml',
      'jose',
      '@modelcontextprotocol/server',
      'lit-html',
      'uplot',
    ]) {
      assert.match(licences, new RegExp(`^${name} \\d`, 'm'))
    }
    const bill: { readonly components: readonly Record<'name' | 'version', string>[] } = JSON.parse(
      readFileSync(path.join(path.dirname(main), '../sbom.cdx.json'), 'utf8'),
    )
    // The same packages in both, and no more.
    const licensed = [...licences.matchAll(/^(\S+) (\d+\.\d+\.\d+\S*) \(.+\)$/gm)]
    assert.deepEqual(
      bill.components.map(({ name, version }) => `${name}@${version}`).toSorted(),
      licensed.map(([, name, version]) => `${name}@${version}`).toSorted(),
    )
  })

  it('keeps the names that stack traces show, and only shortens local ones', () => {
    const code = globSync(`${path.dirname(main)}/*.js`).map((file) => readFileSync(file, 'utf8'))
    for (const name of ['function createDataApp(', 'UpstreamRegistry=class', 'function handle(']) {
      assert.ok(
        code.some((text) => text.includes(name)),
        name,
      )
    }
  })

  it('is ASCII, so that each character takes one byte of memory', () => {
    for (const file of globSync(`${path.dirname(main)}/*.js`)) {
      assert.ok(
        readFileSync(file).every((byte) => byte < 128),
        file,
      )
    }
  })

  it('answers by the name of its command', () => {
    const bin = path.join(folder, 'node_modules/.bin/sidelight')
    const { stdout } = spawnSync(process.execPath, [bin, '--version'], { encoding: 'utf8' })
    assert.equal(stdout, 'sidelight 0.1.0\n')
  })

  it('says which Node it needs on one that is older', () => {
    const older = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.18.9' } })`
    const args = [
      '--import',
      `data:text/javascript,${encodeURIComponent(older)}`,
      main,
      '--version',
    ]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    assert.equal(stderr, 'sidelight: this is Node 22.18.9; Node 22.19 or later is needed\n')
    assert.equal(stdout, '')
    assert.equal(status, 1)
  })

  it('copies itself to where there is nothing else, and runs there', { skip: COPIES }, async () => {
    const root = path.join(folder, 'root')
    const install = [main, 'install', root, '--at', '/']
    const umask = process.umask(0o077)
    const { status, stdout } = spawnSync(process.execPath, install, { encoding: 'utf8' })
    process.umask(umask)
    assert.equal(status, 0)
    assert.equal(stdout, `sidelight 0.1.0 is in ${root}: start /sidelight\n`)
    // Whoever runs it need not be who installed it.
    for (const directory of ['.', 'runtime', 'package', 'package/lib']) {
      assert.equal((await stat(path.join(root, directory))).mode & 0o777, 0o755, directory)
    }
    assert.deepEqual((await readdir(root)).toSorted(), ['package', 'runtime', 'sidelight'])
    // A root directory with these files alone: no shell, no libraries, no /proc.
    const jailed = spawnSync('chroot', [root, '/sidelight', '--version'], { encoding: 'utf8' })
    assert.equal(jailed.stderr, '')
    assert.equal(jailed.stdout, 'sidelight 0.1.0\n')
    // What runs is replaced, not written to; and a file that is there is no obstacle.
    assert.equal(spawnSync(process.execPath, install).status, 0)
    assert.equal(
      (await readdir(path.join(root, 'runtime'))).filter((name) => name.length > 25).length,
      0,
    )
  })

  it(
    'wraps a server with the copy, which gets the environment as it is',
    { skip: COPIES },
    async () => {
      const copy = path.join(folder, 'copy')
      assert.equal(spawnSync(process.execPath, [main, 'install', copy]).status, 0)
      const server = `process.stdin.once('data', () => console.log(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { env: process.env } })))
      process.stdin.on('end', () => process.exit(3))`
      const { status, stdout } = spawnSync(
        path.join(copy, 'sidelight'),
        ['wrap', '--', process.execPath, '-e', server],
        {
          input: '{"jsonrpc":"2.0","id":1,"method":"ping"}\n',
          env: { OTEL_SDK_DISABLED: 'true', AGENT: 'one' },
          encoding: 'utf8',
        },
      )
      assert.equal(
        stdout,
        '{"jsonrpc":"2.0","id":1,"result":{"env":{"OTEL_SDK_DISABLED":"true","AGENT":"one"}}}\n',
      )
      assert.equal(status, 3)
    },
  )

  it('starts from few files', () => {
    const lib = path.dirname(main)
    const read = (file: string): string => readFileSync(path.join(lib, file), 'utf8')
    const starts = (command: string): readonly string[] =>
      globSync(`${command}-*.js`, { cwd: lib }).filter((file) =>
        read(file).includes(`${command}Command`),
      )
    const loaded = new Set(['main.js', ...globSync('main-*.js', { cwd: lib }), ...starts('run')])
    for (const file of loaded) {
      for (const [, name] of read(file).matchAll(/\bfrom"\.\/([^"]+)"|\bimport"\.\/([^"]+)"/g)) {
        if (name !== undefined) loaded.add(name)
      }
    }
    assert.ok(loaded.size > 5 && loaded.size <= 24, [...loaded].join(', '))
  })

  it('loads TLS with the first upstream that needs it', async () => {
    const pair = await newKeyPair('upstream')
    const server = createServer(pair, (request, response) => {
      request.resume()
      response.setHeader('content-type', 'application/json')
      response.end('{"jsonrpc":"2.0","id":7,"result":{}}')
    })
    closeAfterTest(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    const secure = (await listen(server)).replace('http:', 'https:')
    const plain = await startRawUpstream()
    for (const [url, expected] of [
      [plain.url, 'TLS is loaded: false'],
      [`${secure}/mcp`, 'TLS is loaded: true'],
    ] as const) {
      const sidecar = await startSidecarProcess({
        program: [process.execPath, '--import', `data:text/javascript,${TELLS_OF_TLS}`, main],
        args: ['--upstream', url],
        env: { NODE_EXTRA_CA_CERTS: pair.certFile },
      })
      const answer = await fetch(`${sidecar.dataUrl}/mcp`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: PING,
      })
      assert.equal(await answer.text(), '{"jsonrpc":"2.0","id":7,"result":{}}')
      sidecar.signal('SIGTERM')
      const { stderr } = await sidecar.finished(ENDS_WITHIN)
      assert.ok(stderr.includes(expected), url)
    }
  })

  for (const line of [...LINES, 'own']) {
    const node = line === 'own' ? process.execPath : path.resolve(`.cache/node-${line}/bin/node`)
    const skip = existsSync(node) ? false : `${node} is missing: scripts/setup-test-tools.sh`
    it(`carries calls and ends well on Node ${line}`, { skip }, async () => {
      const upstream = await startRawUpstream()
      const PATH = `${path.dirname(node)}:${process.env['PATH']}`
      const npx = spawnSync('npx', ['--offline', 'sidelight', '--version'], {
        cwd: folder,
        env: { ...process.env, PATH },
        encoding: 'utf8',
        timeout: ENDS_WITHIN,
      })
      assert.equal(npx.stdout, 'sidelight 0.1.0\n')
      // What npx starts, without the shell that it puts in between, which hands on no signals.
      const sidecar = await startSidecarProcess({
        program: [path.join(folder, 'node_modules/.bin/sidelight')],
        args: ['--upstream', upstream.url],
        env: { PATH },
      })
      const snapshot = await fetch(`${sidecar.adminUrl}/api/v1/snapshot`)
      const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
      assert.match(await snapshot.text(), new RegExp(`"node":"${version}"`))
      const response = await fetch(`${sidecar.dataUrl}/mcp`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}',
      })
      assert.equal(
        await response.text(),
        '{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"done"}]}}',
      )
      const page = await fetch(sidecar.adminUrl, { headers: { accept: 'text/html' } })
      assert.match(await page.text(), /^<!doctype html>/)
      const agent = await fetch(`${sidecar.adminUrl}/mcp`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2025-11-25',
        },
        body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}',
      })
      assert.match(await agent.text(), /"serverInfo":\{"name":"sidelight"/)
      const library = await fetch(`${sidecar.adminUrl}/ui/lib/lit-html.js`)
      assert.equal(library.status, 200)
      await library.arrayBuffer()
      sidecar.signal('SIGTERM')
      const { code } = await sidecar.finished(ENDS_WITHIN)
      assert.equal(code, 0)
    })
  }
})
