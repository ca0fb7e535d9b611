import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  isResourceOf,
  METADATA_PREFIX,
  MetadataSink,
  publicOrigin,
  rewriteChallenge,
} from '../../src/upstream/resource-metadata.ts'
import type { TransportFailure } from '../../src/upstream/transport.ts'
import { exchangeOf } from '../pipeline/fakes.ts'
import { parseJson } from '../support/json.ts'
import { FakeSink } from './stdio/fakes.ts'

const UPSTREAM = new URL('https://up.example/mcp')
const OURS = 'https://mcp.example/up/mcp'
const JSON_HEADERS = ['Content-Type', 'application/json', 'ETag', '"1"', 'Content-Length', '99']

function metadata(onMissing?: () => void): {
  readonly sink: FakeSink
  readonly told: MetadataSink
} {
  const sink = new FakeSink()
  return { sink, told: new MetadataSink(sink, OURS, UPSTREAM, onMissing) }
}

describe('The address under which clients know the sidecar', () => {
  it('is the one that is configured, or what Host says', () => {
    const exchange = exchangeOf('stream', { headers: { host: 'sidecar.example:8420' } })
    assert.equal(publicOrigin(exchange, 'https://mcp.example'), 'https://mcp.example')
    assert.equal(publicOrigin(exchange, undefined), 'http://sidecar.example:8420')
    assert.equal(publicOrigin(exchangeOf('stream'), undefined), 'http://localhost')
    assert.equal(METADATA_PREFIX, '/.well-known/oauth-protected-resource')
  })
})

describe('A challenge', () => {
  const rewrite = (value: string): string | undefined =>
    rewriteChallenge(['WWW-Authenticate', value], 'https://o/m', () => {})[1]

  it('names our metadata in place of the upstream’s, and nothing else in it changes', () => {
    const rows = [
      [
        'Bearer resource_metadata="https://up/x", scope="a b"',
        'Bearer resource_metadata="https://o/m", scope="a b"',
      ],
      [
        'Bearer realm="r",resource_metadata=https://up/x,error="e"',
        'Bearer realm="r",resource_metadata="https://o/m",error="e"',
      ],
      ['Bearer RESOURCE_METADATA = ""', 'Bearer RESOURCE_METADATA = "https://o/m"'],
      [
        'Bearer resource_metadata="a", DPoP resource_metadata="b"',
        'Bearer resource_metadata="https://o/m", DPoP resource_metadata="https://o/m"',
      ],
      ['Bearer error="invalid_token"', 'Bearer error="invalid_token"'],
      ['DPoP algs="ES256"', 'DPoP algs="ES256"'],
    ] as const
    for (const [given, expected] of rows) assert.equal(rewrite(given), expected)
  })

  it('is looked for in its own header, in each one of them, and in no value that looks like its name', () => {
    const given = [
      'X-A',
      'resource_metadata="u"',
      'www-authenticate',
      'Bearer resource_metadata="u"',
      'X-B',
      'WWW-Authenticate',
      'resource_metadata="u"',
      'x',
      'WWW-AUTHENTICATE',
      'DPoP resource_metadata="u"',
    ]
    const expected = [...given]
    expected[3] = 'Bearer resource_metadata="https://o/m"'
    expected[9] = 'DPoP resource_metadata="https://o/m"'
    assert.deepEqual(
      rewriteChallenge(given, 'https://o/m', () => {}),
      expected,
    )
  })

  it('takes an address literally, whatever characters are in it', () => {
    const url = 'https://o/$&$1/m'
    const given = ['WWW-Authenticate', 'Bearer resource_metadata="u"']
    const [, value] = rewriteChallenge(given, url, () => {})
    assert.equal(value, `Bearer resource_metadata="${url}"`)
  })
})

describe('The address of the upstream’s own metadata', () => {
  it('is told for each challenge, without its quotes', () => {
    const told: string[] = []
    const given = [
      'WWW-Authenticate',
      'Bearer resource_metadata="https://a/x", DPoP resource_metadata=https://b/y',
    ]
    rewriteChallenge(given, 'https://o/m', (url) => void told.push(url))
    assert.deepEqual(told, ['https://a/x', 'https://b/y'])
  })
})

describe('Metadata speaks of an upstream', () => {
  const is = (resource: unknown, upstream = 'https://up.example/a/mcp'): boolean =>
    isResourceOf(resource, new URL(upstream))

  it('when its resource is the upstream or what that lies under', () => {
    for (const path of ['/a/mcp', '/a/mcp/', '/a', '/a/', '/', '', '/a/mcp?x=1#y']) {
      assert.equal(is(`https://up.example${path}`), true, path)
    }
    assert.equal(is('HTTPS://UP.example:443/a'), true)
    assert.equal(is('https://up.example', 'https://up.example'), true)
  })

  it('and not when it is another server, scheme, port or path', () => {
    for (const other of [
      'https://up.example/b',
      'https://up.example/a/m',
      'https://up.example/a/mcp/x',
      'https://up.example/A/mcp',
      'http://up.example/a/mcp',
      'https://up.example:8443/a/mcp',
      'https://up.example.evil/a/mcp',
      '/a/mcp',
      '',
      undefined,
      7,
      null,
    ]) {
      assert.equal(is(other), false, String(other))
    }
  })
})

describe('Metadata of a protected resource', () => {
  const METADATA = {
    resource: 'https://up.example/mcp',
    authorization_servers: ['https://as.example'],
    scopes_supported: ['é'],
  }

  it('names our address as the resource, and is otherwise the upstream’s, in any cut', () => {
    const bytes = Buffer.from(JSON.stringify(METADATA))
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 5 }), (places) => {
        const { sink, told } = metadata()
        told.head(200, 'OK', JSON_HEADERS)
        assert.equal(sink.status, undefined, 'it is held until it is whole')
        const cuts = [0, ...places, bytes.length].toSorted((a, b) => a - b)
        for (const [index, to] of cuts.slice(1).entries())
          told.data(bytes.subarray(cuts[index], to))
        told.end()
        assert.deepEqual(parseJson<object>(sink.text), { ...METADATA, resource: OURS })
        assert.equal(sink.header('content-length'), String(Buffer.byteLength(sink.text)))
        assert.equal(sink.header('content-type'), 'application/json')
        assert.equal(sink.header('etag'), undefined, 'it is the etag of another body')
        assert.ok(sink.ended)
      }),
    )
  })

  it('has one length, that of the new body', () => {
    const { sink, told } = metadata()
    told.head(200, 'OK', [...JSON_HEADERS, 'content-length', '99'])
    told.data(Buffer.from('{"resource":"https://up.example/mcp"}'))
    told.end()
    const lengths = sink.headers.filter((name) => name.toLowerCase() === 'content-length')
    assert.equal(lengths.length, 1)
    assert.deepEqual(parseJson<object>(sink.text), { resource: OURS })
  })

  it('of somebody else passes as it is, so that clients see that it does not match', () => {
    for (const resource of ['https://evil.example/mcp', undefined, 7]) {
      const body = JSON.stringify({ ...METADATA, resource })
      const { sink, told } = metadata()
      told.head(200, 'OK', JSON_HEADERS)
      told.data(Buffer.from(body))
      told.end()
      assert.deepEqual([sink.text, sink.headers], [body, JSON_HEADERS])
    }
  })

  it('that is none passes as it is, with its own headers', () => {
    for (const body of ['', 'no json', '[1]', '"text"', 'null']) {
      const { sink, told } = metadata()
      told.head(200, 'OK', JSON_HEADERS)
      if (body !== '') told.data(Buffer.from(body))
      told.end()
      assert.deepEqual([sink.status, sink.text, sink.ended], [200, body, true])
      assert.deepEqual(sink.headers, JSON_HEADERS)
    }
  })

  it('larger than 256 KiB passes as it is, and at the pace of its reader', () => {
    const { sink, told } = metadata()
    told.head(200, 'OK', JSON_HEADERS)
    const chunk = Buffer.from(' '.repeat(100 * 1024))
    assert.equal(told.data(chunk), true)
    assert.equal(told.data(chunk), true)
    assert.equal(sink.status, undefined)
    told.data(chunk)
    assert.equal(sink.text.length, 300 * 1024)
    sink.keepsUp = false
    assert.equal(told.data(chunk), false)
    told.end()
    assert.equal(sink.text.length, 400 * 1024)
    assert.ok(sink.ended)
  })

  it('is looked for elsewhere when it is not there, and nothing of the reply is passed', () => {
    let missing = 0
    const { sink, told } = metadata(() => void (missing += 1))
    told.head(404, 'Not Found', [])
    told.data(Buffer.from('nothing here'))
    assert.equal(missing, 0)
    told.end()
    assert.equal(missing, 1)
    assert.equal(sink.status, undefined)
  })

  it('that is nowhere is answered as the upstream does, and so is any other status', () => {
    for (const [status, onMissing] of [
      [404, undefined],
      [401, () => assert.fail('it is not missing')],
      [500, undefined],
    ] as const) {
      const { sink, told } = metadata(onMissing)
      told.head(status, 'x', JSON_HEADERS)
      told.data(Buffer.from('{"resource":"theirs"}'))
      told.end()
      assert.deepEqual([sink.status, sink.text], [status, '{"resource":"theirs"}'])
    }
  })

  it('fails with its upstream', () => {
    const failure: TransportFailure = { reason: 'reset', sent: true, stale: false, detail: 'x' }
    const { sink, told } = metadata()
    told.head(200, 'OK', JSON_HEADERS)
    told.failed(failure)
    assert.equal(sink.failure, failure)
  })
})
