import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatProblems, parseConfig } from '../../src/config/load.ts'
import { printConfig } from '../../src/config/print.ts'

const UP = 'upstreams:\n  a:\n    url: http://127.0.0.1:1/mcp\n'

function problems(source: string): readonly string[] {
  const result = parseConfig(UP + source, {})
  return result.kind === 'invalid' ? formatProblems('f', result.problems).split('\n') : []
}

const ISSUER = '{ issuer: https://idp.example, audience: https://mcp.example/mcp }'

describe('Without authentication', () => {
  it('a listener off loopback is refused unless that is said in so many words', () => {
    for (const address of ['0.0.0.0:8420', '10.0.0.5:8420', ':8420', '"[::]:8420"', 'host:8420']) {
      assert.deepEqual(problems(`listen:\n  data: ${address}\n`), [
        'f:5: listen.data: this is no loopback address, and nobody is authenticated: set auth.mode: required and auth.issuers; or, if something else keeps strangers away, auth.allowUnauthenticated: true (--allow-unauthenticated)',
      ])
      const allowed = `listen:\n  data: ${address}\nauth: { allowUnauthenticated: true }\n`
      assert.deepEqual(problems(allowed), [])
      const required = `listen:\n  data: ${address}\nauth: { mode: required, issuers: [${ISSUER}] }\n`
      assert.deepEqual(problems(required), [])
    }
  })

  it('a listener on loopback is accepted', () => {
    for (const address of ['127.0.0.1:0', '127.1.2.3:8420', '"[::1]:8420"', 'localhost:8420']) {
      assert.deepEqual(problems(`listen:\n  data: ${address}\n`), [], address)
    }
  })
})

describe('dev-hs256', () => {
  const secret = '"0123456789abcdef0123456789abcdef"'

  it('is refused off loopback, also with the override', () => {
    const source = `listen:\n  data: 0.0.0.0:8420\nauth:\n  mode: dev-hs256\n  allowUnauthenticated: true\n  dev: { secret: ${secret} }\n`
    assert.deepEqual(problems(source), [
      'f:7: auth.mode: dev-hs256 is for trying out, on loopback: everybody who can check such a token can make one',
    ])
  })

  it('needs a secret of at least 32 bytes', () => {
    assert.deepEqual(problems('auth:\n  mode: dev-hs256\n'), [
      'f:4: auth.dev.secret: missing; dev-hs256 needs it, at least 32 bytes',
    ])
    assert.deepEqual(problems('auth:\n  mode: dev-hs256\n  dev: { secret: short-secret }\n'), [
      'f:6: auth.dev.secret: expected at least 32 bytes',
    ])
    assert.deepEqual(problems(`auth:\n  mode: dev-hs256\n  dev: { secret: ${secret} }\n`), [])
  })
})

describe('Issuers', () => {
  const issuers = (text: string): readonly string[] =>
    problems(`auth:\n  mode: required\n  issuers: [${text}]\n`)

  it('are needed by auth.mode: required', () => {
    assert.deepEqual(issuers(''), [
      'f:6: auth.issuers: expected at least one issuer with auth.mode: required',
    ])
  })

  it('must name an audience', () => {
    assert.deepEqual(issuers('{ issuer: https://idp.example }'), [
      'f:6: auth.issuers.0.audience: expected the audience that tokens must name, or a list of them',
    ])
    assert.equal(issuers('{ issuer: https://idp.example, audience: [] }').length, 1)
    assert.equal(issuers('{ issuer: https://idp.example, audience: "" }').length, 1)
  })

  it('may not stand twice', () => {
    assert.deepEqual(issuers(`${ISSUER}, ${ISSUER}`), [
      'f:6: auth.issuers.1.issuer: this issuer stands here twice',
    ])
  })

  it('may not be given an algorithm with a shared secret, or none', () => {
    for (const algorithm of ['HS256', 'HS512', 'none', 'None', 'RS1']) {
      const source = `{ issuer: https://idp.example, audience: x, algorithms: [${algorithm}] }`
      assert.equal(issuers(source).length, 1, algorithm)
    }
  })

  it('give their keys over https, or http on loopback alone', () => {
    const jwks = (url: string): readonly string[] =>
      issuers(`{ issuer: https://idp.example, audience: x, jwks: "${url}" }`)
    for (const url of ['https://idp.example/keys', 'http://127.0.0.1:1/keys', 'http://[::1]/k']) {
      assert.deepEqual(jwks(url), [], url)
    }
    for (const url of [
      'http://idp.example/keys',
      'http://127.0.0.1.evil.example/keys',
      'http://10.0.0.1/keys',
      'https://user:pass@idp.example/keys',
      'file:///etc/passwd',
      'data:application/json,{}',
    ]) {
      assert.equal(jwks(url).length, 1, url)
    }
  })

  it('must be an address to be asked for their metadata', () => {
    assert.deepEqual(issuers('{ issuer: "http://idp.example", audience: x }'), [
      'f:6: auth.issuers.0.jwks: jwks: auto needs an issuer that is an https:// URL (http:// on loopback); say where the keys are',
    ])
    assert.deepEqual(issuers('{ issuer: "plain name", audience: x }').length, 1)
    const keys = 'jwks: https://idp.example/keys'
    assert.deepEqual(issuers(`{ issuer: plain-name, audience: x, ${keys} }`), [])
  })
})

describe('The printed configuration', () => {
  it('shows no secret of authentication', () => {
    const result = parseConfig(
      `${UP}auth:
  mode: dev-hs256
  dev: { secret: "SECRET-0123456789abcdef0123456789" }
  issuers:
    - issuer: https://idp.example
      audience: x
      introspection: { url: https://idp.example/i, clientId: me, clientSecret: SECRET-2 }
`,
      {},
    )
    assert.ok(result.kind === 'config', JSON.stringify(result))
    const text = printConfig(result.config)
    assert.doesNotMatch(text, /SECRET/)
    assert.match(text, /secret: "\*{8}"/)
    assert.match(text, /clientSecret: "\*{8}"/)
  })
})
