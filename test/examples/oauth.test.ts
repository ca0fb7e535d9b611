/** The example of OAuth: from no token to one, and from its scope to a wider one. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertShown, commandsOf, copyExample } from './example.ts'

const AUDIENCE = 'https://mcp.example.com/notes/mcp'

test('a client finds its way from a 401 to a token and to a wider one, and the server sees neither', async () => {
  const [install, authorization, server, sidelight, client, ...more] = commandsOf(
    'examples/oauth/README.md',
  )
  assert.deepEqual([install, more], ['npm install', []])
  const example = await copyExample('oauth')
  // The address of the endpoint is known only once Sidelight has its port.
  const issuing = example.start(authorization ?? '', { PORT: '0', AUDIENCE })
  const serving = example.start(server ?? '', { PORT: '0' })
  const [, issuer = ''] = await issuing.find(/^authorization server at (\S+)$/m)
  const [, serverUrl = ''] = await serving.find(/^notes server at (\S+)$/m)
  const listening = await example.startSidelight(sidelight ?? '', {
    ISSUER: issuer,
    SERVER_URL: serverUrl,
    AUDIENCE,
  })
  const response = await fetch(`${listening.dataUrl}/notes/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  })
  assert.equal(response.status, 401)
  assert.match(
    response.headers.get('www-authenticate') ?? '',
    /^Bearer resource_metadata="http:.*scope="notes:read"/,
  )
  const output = await example.run(client ?? '', { SIDELIGHT_URL: listening.dataUrl })
  assertShown('examples/oauth/README.md', output)
  await issuing.find(/notes:write, and agreed\n/)
  assert.deepEqual(issuing.stdout.split('\n').slice(1), [
    'Alice was asked for notes:read, and agreed',
    'Alice was asked for notes:read notes:write, and agreed',
    '',
  ])
  await serving.find(/^no token came$/m)
  assert.doesNotMatch(serving.stdout, /^a token came$/m)
})
