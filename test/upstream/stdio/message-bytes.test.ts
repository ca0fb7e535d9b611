import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { keepsTokens, loneRequest } from '../../../src/upstream/stdio/message-bytes.ts'
import { exchangeFor, wireOf } from './fakes.ts'

function keeps(from: string, to: string): boolean {
  const [message] = wireOf(from)
  assert.ok(message)
  return keepsTokens(message, Buffer.from(from), Buffer.from(to))
}

describe('keepsTokens', () => {
  it('is true when only bytes behind the id and the token were changed', () => {
    assert.equal(
      keeps('{"id":1,"method":"a"}', '{"id":1,"method":"a","params":{"_meta":{}}}'),
      true,
    )
    assert.equal(
      keeps(
        '{"id":1,"method":"a","params":{"_meta":{"progressToken":2}}}',
        '{"id":1,"method":"a","params":{"_meta":{"progressToken":2,"traceparent":"x"}}}',
      ),
      true,
    )
  })

  it('is false when bytes before one of them were', () => {
    const behind = '{"method":"a","params":{},"id":1}'
    assert.equal(
      keeps(behind, '{"method":"a","params":{"_meta":{"traceparent":"x"}},"id":1}'),
      false,
    )
    const token = '{"id":1,"method":"a","params":{"_meta":{"progressToken":2}}}'
    assert.equal(keeps(token, token.replace('{"prog', '{"traceparent":"x","prog')), false)
    assert.equal(keeps(behind, '{"method":"a"}'), false)
  })
})

describe('loneRequest', () => {
  const idOf = (body: string): string | undefined =>
    loneRequest(exchangeFor(body), Buffer.from(body))?.raw

  it('is the id of a request that stands alone', () => {
    assert.equal(idOf('{"id":1.0,"method":"a"}'), '1.0')
    assert.equal(idOf('{"id":"1","method":"a","params":{"_meta":{}}}'), '"1"')
  })

  it('is none of a batch, of what is no request, with a progress token, or with white space around', () => {
    assert.equal(idOf('[{"id":1,"method":"a"}]'), undefined)
    assert.equal(idOf('{"method":"a"}'), undefined)
    assert.equal(idOf('{"id":1,"result":{}}'), undefined)
    assert.equal(idOf('{"id":1,"method":"a","params":{"_meta":{"progressToken":2}}}'), undefined)
    assert.equal(idOf(' {"id":1,"method":"a"}'), undefined)
    assert.equal(idOf('{"id":1,"method":"a"}\n'), undefined)
  })
})
