import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { HeaderRecord } from '../../src/core/exchange.ts'
import { checkPeer, isLoopbackName, type RequestHead } from '../../src/http/guard.ts'

function head(headers: HeaderRecord): RequestHead {
  return {
    headers,
    rawHeaders: Object.entries(headers).flatMap(([name, value]) => [name, String(value)]),
  }
}

const verdict = (
  headers: HeaderRecord,
  { loopback = true, hosts = [] as string[], origins = [] as string[] } = {},
): string =>
  checkPeer(head(headers), { loopback, hosts: new Set(hosts), origins: new Set(origins) })
    ?.reason ?? 'allowed'

describe('The Host header on loopback', () => {
  it('may be any loopback name, with or without a port', () => {
    const hosts = ['localhost', 'LocalHost:8420', '127.0.0.1', '127.0.0.1:1', '127.9.9.9']
    for (const host of [...hosts, '[::1]', '[::1]:8420']) {
      assert.equal(verdict({ host }), 'allowed', host)
    }
  })

  it('may be no other name or address', () => {
    const hosts = ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1']
    const odd = ['localhost@evil.example', 'localhost/..', '', ' ', '[::1', '::1', 'localhost:']
    for (const host of [...hosts, ...odd, '0.0.0.0', '[::]', '127.1', 'localhost:123456']) {
      assert.equal(verdict({ host }), 'forbidden_host', host)
    }
    assert.equal(verdict({}), 'forbidden_host')
    assert.equal(verdict({ host: ['localhost', 'evil.example'] }), 'forbidden_host')
  })

  it('may be a name that is configured', () => {
    const rules = { hosts: ['mcp.example'] }
    assert.equal(verdict({ host: 'MCP.example:80' }, rules), 'allowed')
    assert.equal(verdict({ host: 'x.mcp.example' }, rules), 'forbidden_host')
  })
})

describe('The Host header off loopback', () => {
  it('may be an address, which nobody can point elsewhere, and no unknown name', () => {
    const rules = { loopback: false, hosts: ['mcp.example'] }
    for (const host of ['10.0.0.1', '10.0.0.1:8420', '[fd00::1]:1', 'localhost', 'mcp.example']) {
      assert.equal(verdict({ host }, rules), 'allowed', host)
    }
    assert.equal(verdict({ host: 'evil.example' }, rules), 'forbidden_host')
  })
})

describe('The Origin header', () => {
  const check = (origin: string, rules = {}): string =>
    verdict({ host: 'localhost', origin }, rules)

  it('may be missing', () => {
    assert.equal(verdict({ host: 'localhost' }), 'allowed')
  })

  it('may be a loopback one on loopback alone', () => {
    for (const origin of ['http://localhost:3000', 'https://127.0.0.1', 'HTTP://[::1]:80']) {
      assert.equal(check(origin), 'allowed', origin)
      assert.equal(check(origin, { loopback: false }), 'forbidden_origin', origin)
    }
  })

  it('may be no other', () => {
    const bad = ['null', '', 'http://evil.example', 'http://localhost.evil.example', 'localhost']
    const odd = [
      'http://localhost/x',
      'http://localhost@evil.example',
      'file://localhost',
      'http://',
    ]
    for (const origin of [...bad, ...odd, 'http://10.0.0.1']) {
      assert.equal(check(origin), 'forbidden_origin', origin)
    }
  })

  it('may be one that is configured, or any', () => {
    const rules = { loopback: false, origins: ['https://app.example'] }
    assert.equal(check('https://APP.example', rules), 'allowed')
    assert.equal(check('http://app.example', rules), 'forbidden_origin')
    assert.equal(check('https://app.example:444', rules), 'forbidden_origin')
    assert.equal(check('null', { origins: ['*'] }), 'allowed')
  })
})

describe('A Host header that stands twice', () => {
  it('is refused, because two servers may each see another', () => {
    const rules = { loopback: true, hosts: new Set<string>(), origins: new Set<string>() }
    const rawHeaders = ['Host', 'localhost', 'host', 'localhost']
    const rejection = checkPeer({ headers: { host: 'localhost' }, rawHeaders }, rules)
    assert.equal(rejection?.reason, 'forbidden_host')
  })
})

describe('A refusal', () => {
  it('says what to configure and nothing of what was sent', () => {
    const rules = { loopback: true, hosts: new Set<string>(), origins: new Set<string>() }
    assert.deepEqual(checkPeer(head({ host: 'evil.example' }), rules), {
      kind: 'rejected',
      reason: 'forbidden_host',
      message: 'this Host is not allowed; add it to listen.allowedHosts',
    })
    assert.deepEqual(checkPeer(head({ host: 'localhost', origin: 'http://evil.example' }), rules), {
      kind: 'rejected',
      reason: 'forbidden_origin',
      message: 'this Origin is not allowed; add it to listen.allowedOrigins',
    })
  })
})

describe('A loopback name', () => {
  it('is localhost, ::1 or an address in 127.0.0.0/8', () => {
    for (const name of ['localhost', '::1', '127.0.0.1', '127.255.255.255']) {
      assert.equal(isLoopbackName(name), true, name)
    }
    for (const name of ['', 'host', '127.0.0.1.x', '127.', '128.0.0.1', '0.0.0.0', '::', '::2']) {
      assert.equal(isLoopbackName(name), false, name)
    }
  })
})
