/** `sidelight healthcheck` against a sidecar that runs, and where none does. */

import assert from 'node:assert/strict'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { startHttpServer } from '../support/http-server.ts'
import { freePort } from '../support/raw-upstream.ts'
import { runSidelight, startSidecarProcess, withFile } from '../support/sidecar-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

interface Answer {
  readonly code: number | null
  readonly stderr: string
}

async function check(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const { code, stderr } = await runSidelight(['healthcheck', ...args], env)
  return { code, stderr }
}

const WELL: Answer = { code: 0, stderr: '' }

const portOf = (url: string): string => new URL(url).port

describe('sidelight healthcheck', () => {
  it('exits with 0 when the sidecar lives, asked where the flag or the file says', async () => {
    // Nobody listens there, and the sidecar is none the worse for it.
    const upstream = `http://127.0.0.1:${await freePort()}/mcp`
    const sidecar = await startSidecarProcess({ args: ['--upstream', upstream] })
    const port = portOf(sidecar.adminUrl)
    assert.deepEqual(await check(['--admin', `127.0.0.1:${port}`]), WELL)
    // With its variables; and what listens on every address is asked on loopback.
    const text =
      'listen: { admin: "0.0.0.0:${ADMIN_PORT}" }\nupstreams: { a: { url: "${UNSET}" } }\n'
    await withFile(text, async (file) => {
      assert.deepEqual(await check(['--config', file], { ADMIN_PORT: port }), WELL)
    })
  })

  it('exits with 1 and says why when nobody answers', async () => {
    const free = await freePort()
    assert.deepEqual(await check(['--admin', `127.0.0.1:${free}`]), {
      code: 1,
      stderr: `sidelight healthcheck: /healthz of 127.0.0.1:${free}: it cannot be reached (ECONNREFUSED)\n`,
    })
  })

  it('exits with 1 when the admin plane is off, and with 2 when the address is none', async () => {
    await withFile('listen: { admin: off }', async (file) => {
      assert.deepEqual(await check(['--config', file]), {
        code: 1,
        stderr: 'sidelight healthcheck: listen.admin is off, so nobody can be asked\n',
      })
    })
    assert.equal((await check(['--admin', 'here'])).code, 2)
  })

  it('asks for readiness by --ready, and shows a token from a file', async () => {
    const seen: string[] = []
    const server = await startHttpServer((request, response) => {
      seen.push(`${request.url} ${request.headers.authorization}`)
      response.writeHead(request.headers.authorization === undefined ? 401 : 503).end()
    })
    const admin = `127.0.0.1:${portOf(server.origin)}`
    const file = join(await temporaryDirectory(), 'token')
    await writeFile(file, 'private-token-of-16\n')
    await chmod(file, 0o600)
    const unready = await check(['--admin', admin, '--ready', '--token-file', file])
    assert.equal(unready.code, 1)
    assert.match(unready.stderr, /\/readyz of .+: it answers with status 503\n$/)
    assert.match((await check(['--admin', admin])).stderr, /it wants a token: --token-file FILE/)
    assert.deepEqual(seen, ['/readyz Bearer private-token-of-16', '/healthz undefined'])
  })
})
