/** The official client finds its way from a first 401 to a token, by what Sidelight says. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  Client,
  DpopSession,
  StreamableHTTPClientTransport,
  UnauthorizedError,
  type OAuthClientInformationMixed,
  type OAuthClientMetadata,
  type OAuthClientProvider,
  type OAuthTokens,
} from '@modelcontextprotocol/client'
import {
  startAuthorizationServer,
  type AuthorizationServer,
} from '../support/authorization-server.ts'
import { startV2Server, type V2Server } from '../support/mcp-server-v2.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { RawClient } from '../support/raw-client.ts'

/** A user with a browser: follows the redirect, and comes back with its parameters. */
class Person implements OAuthClientProvider {
  readonly redirectUrl = 'http://127.0.0.1:1/callback'
  readonly #dpop: DpopSession | undefined
  #client: OAuthClientInformationMixed | undefined
  #tokens: OAuthTokens | undefined
  #verifier = ''
  back: URLSearchParams | undefined

  constructor(dpop?: DpopSession) {
    this.#dpop = dpop
  }

  get clientMetadata(): OAuthClientMetadata {
    return {
      client_name: 'a test',
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }
  }

  clientInformation(): OAuthClientInformationMixed | undefined {
    return this.#client
  }

  saveClientInformation(client: OAuthClientInformationMixed): void {
    this.#client = client
  }

  tokens(): OAuthTokens | undefined {
    return this.#tokens
  }

  saveTokens(tokens: OAuthTokens): void {
    this.#tokens = tokens
  }

  async redirectToAuthorization(url: URL): Promise<void> {
    const reply = await fetch(url, { redirect: 'manual' })
    this.back = new URL(reply.headers.get('location') ?? '').searchParams
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier
  }

  codeVerifier(): string {
    return this.#verifier
  }

  dpop(): DpopSession | undefined {
    return this.#dpop
  }
}

interface Scene {
  readonly as: AuthorizationServer
  readonly server: V2Server
  readonly sidecar: TestSidecar
}

async function startScene(more: object = {}, policy?: object): Promise<Scene> {
  const [as, server] = await Promise.all([startAuthorizationServer(), startV2Server()])
  const sidecar = await startTestSidecar({
    upstreams: { a: server.url, b: server.url },
    config: {
      auth: {
        mode: 'required',
        scopes: ['tools:call'],
        issuers: [{ issuer: as.url, audience: 'the-first', ...more }],
      },
      ...(policy === undefined ? {} : { policy }),
    },
  })
  as.audiences.set(sidecar.url('a'), 'the-first')
  return { as, server, sidecar }
}

async function connect(sidecar: TestSidecar, person: Person, path = 'a'): Promise<Client> {
  const url = new URL(sidecar.url(path))
  const begin = async (): Promise<Client> => {
    const client = new Client({ name: 'test', version: '1' })
    await client.connect(new StreamableHTTPClientTransport(url, { authProvider: person }))
    closeAfterTest(() => client.close())
    return client
  }
  const first = new StreamableHTTPClientTransport(url, { authProvider: person })
  await assert.rejects(
    new Client({ name: 'test', version: '1' }).connect(first),
    (error) => error instanceof UnauthorizedError,
  )
  await first.finishAuth(person.back ?? new URLSearchParams())
  return begin()
}

async function echo(client: Client, text: string): Promise<unknown> {
  return (await client.callTool({ name: 'echo', arguments: { text } })).content
}

describe('The official client', () => {
  it('registers, asks its user, and calls with a token for the endpoint that it uses', async () => {
    const { as, sidecar, server } = await startScene()
    const client = await connect(sidecar, new Person())
    assert.deepEqual(await echo(client, 'hello'), [{ type: 'text', text: 'hello' }])
    assert.deepEqual(as.events, ['register', `authorize ${sidecar.url('a')}`, 'code'])
    assert.equal(server.runs.get('echo'), 1)
  })

  it('gets a new token when its own has expired, without its user', async () => {
    const { as, sidecar } = await startScene()
    const person = new Person()
    // Expired long ago, for whoever checks it.
    as.lifetimeSeconds = -60
    const failing = connect(sidecar, person)
    await assert.rejects(failing)
    as.lifetimeSeconds = 300
    const client = new Client({ name: 'test', version: '1' })
    closeAfterTest(() => client.close())
    await client.connect(
      new StreamableHTTPClientTransport(new URL(sidecar.url('a')), { authProvider: person }),
    )
    assert.deepEqual(await echo(client, 'again'), [{ type: 'text', text: 'again' }])
    assert.equal(as.events.at(-1), 'refresh')
  })

  it('with a token for another endpoint gets nowhere', async () => {
    const { as, sidecar, server } = await startScene()
    await assert.rejects(connect(sidecar, new Person(), 'b'))
    assert.ok(as.events.includes(`authorize ${sidecar.url('b')}`))
    assert.equal(server.runs.size, 0)
    const metrics = await sidecar.metrics()
    const wrong = { sidelight_auth_refusal: 'audience' }
    assert.ok(metrics.sum('sidelight_auth_attempts_total', wrong) >= 1)
  })

  it('with a key of its own sends proofs, and a stolen token opens nothing', async () => {
    const { sidecar } = await startScene({ requireProof: true })
    const person = new Person(await DpopSession.create())
    const client = await connect(sidecar, person)
    for (const text of ['one', 'two', 'three']) {
      assert.deepEqual(await echo(client, text), [{ type: 'text', text }])
    }
    const stolen = person.tokens()?.access_token ?? ''
    for (const scheme of ['Bearer', 'DPoP']) {
      const thief = await RawClient.open(sidecar.dataUrl)
      thief.send({ path: '/a/mcp', headers: [`Authorization: ${scheme} ${stolen}`], body: '{}' })
      const head = await thief.until('\r\n\r\n')
      assert.match(head.toString('latin1'), /^HTTP\/1\.1 401 [^]*error="invalid_dpop_proof"/)
    }
  })

  it('asks its user for more scopes when a call needs them, and then makes the call', async () => {
    const policy = {
      roles: {
        caller: { allow: ['a:echo'], scopes: ['tools:call'] },
        tester: { allow: ['a:*'], scopes: ['tools:call', 'tools:test'] },
      },
    }
    const { as, sidecar, server } = await startScene({}, policy)
    const person = new Person()
    const client = await connect(sidecar, person)
    assert.deepEqual(await echo(client, 'hello'), [{ type: 'text', text: 'hello' }])
    const { tools } = await client.listTools()
    assert.deepEqual(
      tools.map(({ name }) => name),
      ['echo'],
    )
    person.back = undefined
    await assert.rejects(
      client.callTool({ name: 'fail' }),
      (error) => error instanceof UnauthorizedError,
    )
    assert.equal(server.runs.get('fail'), undefined)
    const again = new StreamableHTTPClientTransport(new URL(sidecar.url('a')), {
      authProvider: person,
    })
    await again.finishAuth(person.back ?? new URLSearchParams())
    const stronger = new Client({ name: 'test', version: '1' })
    closeAfterTest(() => stronger.close())
    await stronger.connect(again)
    const { isError } = await stronger.callTool({ name: 'fail' })
    assert.equal(isError, true)
    assert.deepEqual(person.tokens()?.scope?.split(' ').toSorted(), ['tools:call', 'tools:test'])
    assert.equal(as.events.filter((event) => event.startsWith('authorize')).length, 2)
  })
})
