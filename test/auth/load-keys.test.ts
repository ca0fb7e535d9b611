/** An issuer's servers on a bad day, or in bad hands. Real sockets. */

import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { describe, it } from 'node:test'
import { createHttpClient, type HttpClient } from '../../src/auth/http-client.ts'
import { createIntrospection } from '../../src/auth/introspection.ts'
import type { Loaded } from '../../src/auth/key-set.ts'
import { loadByMetadata, loadFromUrl, metadataPlaces } from '../../src/auth/load-keys.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { startHttpUpstream } from '../support/http-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'

function client(timeoutMs = 5_000): HttpClient {
  const made = createHttpClient(undefined, timeoutMs)
  closeAfterTest(() => Promise.resolve(made.close()))
  return made
}

async function load(listener: RequestListener, timeoutMs?: number): Promise<Loaded> {
  const { url } = await startHttpUpstream(listener)
  return loadFromUrl(new URL(url), { client: client(timeoutMs), bearerFile: undefined })()
}

const failed = (detail: string): Loaded => ({ kind: 'failed', result: 'unreachable', detail })

describe('A key set over HTTP', () => {
  it('is read as it stands', async () => {
    const loaded = await load((_, reply) => reply.end('{"keys":[]}'))
    assert.deepEqual(loaded, { kind: 'document', text: '{"keys":[]}' })
  })

  it('is not there when the server says anything but 200', async () => {
    for (const status of [204, 301, 302, 307, 400, 404, 429, 500, 503]) {
      const loaded = await load((_, reply) => {
        reply.writeHead(status, { Location: 'http://127.0.0.1:1/keys' }).end('{"keys":[]}')
      })
      assert.deepEqual(loaded, failed(`status ${status}`))
    }
  })

  it('is not followed to where a redirect leads', async () => {
    let asked = 0
    const elsewhere = await startHttpUpstream((_, reply) => {
      asked += 1
      reply.end('{"keys":[]}')
    })
    await load((_, reply) => reply.writeHead(302, { Location: elsewhere.url }).end())
    assert.equal(asked, 0)
  })

  it('is not there when the server switches protocols in place of an answer', async () => {
    const loaded = await load((_, reply) => {
      reply.socket?.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
      )
    })
    assert.deepEqual(loaded, failed('closed'))
  })

  it('is given up when it is too large, before all of it has come', async () => {
    let sent = 0
    const loaded = await load((_, reply) => {
      const chunk = Buffer.alloc(64 * 1024, 'x')
      const more = (): void => {
        if (reply.destroyed || sent > 64 * 1024 * 1024) return
        sent += chunk.length
        if (reply.write(chunk)) setImmediate(more)
        else reply.once('drain', more)
      }
      more()
    })
    assert.deepEqual(loaded, failed('too_large'))
    assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes`)
  })

  it('is given up when the server is silent, or lets it drip', async () => {
    assert.deepEqual(await load(() => {}, 200), failed('timeout'))
    const dripping = await load((_, reply) => {
      reply.writeHead(200)
      const timer = setInterval(() => reply.write(' '), 20)
      reply.on('close', () => clearInterval(timer))
    }, 300)
    assert.deepEqual(dripping, failed('timeout'))
  })

  it('is given up when the connection breaks', async () => {
    const loaded = await load((_, reply) => {
      reply.writeHead(200, { 'Content-Length': '100' })
      reply.write('{"keys":')
      setImmediate(() => reply.destroy())
    })
    assert.ok(loaded.kind === 'failed')
    const nobody = createServer()
    await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', () => resolve()))
    const address = nobody.address()
    const port = typeof address === 'object' ? address?.port : 0
    await new Promise((resolve) => nobody.close(resolve))
    const server = { client: client(), bearerFile: undefined }
    const refused = await loadFromUrl(new URL(`http://127.0.0.1:${port}/keys`), server)()
    assert.deepEqual(refused, failed('ECONNREFUSED'))
  })
})

describe('The metadata of an issuer', () => {
  const startIssuer = async (
    metadata: (url: string) => unknown,
    place = '/.well-known/oauth-authorization-server',
  ): Promise<{ readonly url: string; readonly asked: string[] }> => {
    const asked: string[] = []
    const server = await startHttpUpstream((request, reply) => {
      asked.push(request.url ?? '')
      if (request.url === '/keys') return void reply.end('{"keys":[]}')
      if (request.url !== place) return void reply.writeHead(404).end()
      reply.end(JSON.stringify(metadata(new URL(server.url).origin)))
    })
    return { url: new URL(server.url).origin, asked }
  }

  const loadBy = (issuer: string, clock = new FakeClock()) =>
    loadByMetadata(issuer, { client: client(), bearerFile: undefined }, clock)

  it('is looked for where RFC 8414 and OpenID Connect put it', () => {
    assert.deepEqual(metadataPlaces('https://idp.example').map(String), [
      'https://idp.example/.well-known/oauth-authorization-server',
      'https://idp.example/.well-known/openid-configuration',
    ])
    assert.deepEqual(metadataPlaces('https://idp.example/realms/a/').map(String), [
      'https://idp.example/.well-known/oauth-authorization-server/realms/a',
      'https://idp.example/realms/a/.well-known/openid-configuration',
      'https://idp.example/.well-known/openid-configuration/realms/a',
    ])
  })

  it('leads to its keys, and is asked for once an hour', async () => {
    const issuer = await startIssuer(
      (url) => ({ issuer: url, jwks_uri: `${url}/keys` }),
      '/.well-known/openid-configuration',
    )
    const clock = new FakeClock()
    const again = loadBy(issuer.url, clock)
    assert.equal((await again()).kind, 'document')
    assert.equal((await again()).kind, 'document')
    const [first, second] = metadataPlaces(issuer.url).map(({ pathname }) => pathname)
    assert.deepEqual(issuer.asked, [first, second, '/keys', '/keys'])
    clock.advance(3_600_001)
    await again()
    assert.equal(issuer.asked.length, 7)
  })

  it('of somebody else, or that leads to somebody on this machine, is refused', async () => {
    const wrong: readonly ((url: string) => unknown)[] = [
      (url) => ({ issuer: `${url}/`, jwks_uri: `${url}/keys` }),
      (url) => ({ issuer: 'https://idp.example', jwks_uri: `${url}/keys` }),
      (url) => ({ jwks_uri: `${url}/keys` }),
      (url) => ({ issuer: url }),
      (url) => ({ issuer: url, jwks_uri: 'http://10.0.0.1/keys' }),
      (url) => ({ issuer: url, jwks_uri: 'file:///etc/passwd' }),
      (url) => ({ issuer: url, jwks_uri: ['https://idp.example/keys'] }),
      () => [],
      () => null,
    ]
    for (const metadata of wrong) {
      const issuer = await startIssuer(metadata)
      const loaded = await loadBy(issuer.url)()
      assert.ok(loaded.kind === 'failed')
      assert.equal(issuer.asked.includes('/keys'), false)
    }
  })
})

describe('Introspection', () => {
  const ask = async (listener: RequestListener): Promise<string> => {
    const { url } = await startHttpUpstream(listener)
    return createIntrospection({
      client: client(500),
      url: new URL(url),
      clientId: 'me:too',
      clientSecret: () => 'canary secret',
      ttlMs: 1_000,
    }).isActive('TOKEN')
  }

  it('sends the token in the body, and our credential as RFC 6749 says', async () => {
    let seen = ''
    const active = await ask((request, reply) => {
      request.on('data', (chunk: Buffer) => {
        seen += chunk.toString()
      })
      request.on('end', () => {
        seen += ` ${request.method} ${request.url} ${request.headers.authorization}`
        reply.end('{"active":true}')
      })
    })
    assert.equal(active, 'active')
    const credential = Buffer.from('me%3Atoo:canary%20secret').toString('base64')
    assert.equal(seen, `token=TOKEN&token_type_hint=access_token POST /mcp Basic ${credential}`)
  })

  it('takes nothing for a yes but a yes', async () => {
    assert.equal(await ask((_, reply) => reply.end('{"active":false}')), 'inactive')
    for (const text of ['{}', '{"active":"true"}', '{"active":1}', '[]', '', '<html>']) {
      assert.equal(await ask((_, reply) => reply.end(text)), 'unavailable', text)
    }
    for (const status of [302, 401, 500]) {
      const answer = await ask((_, reply) => reply.writeHead(status).end('{"active":true}'))
      assert.equal(answer, 'unavailable', String(status))
    }
    assert.equal(await ask(() => {}), 'unavailable')
  })
})
