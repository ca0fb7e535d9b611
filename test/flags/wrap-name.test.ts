import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nameOfCommand, nameOfUrl } from '../../src/cli/wrap-name.ts'

describe('The name of a wrapped server that nobody has named', () => {
  const commands: readonly (readonly [command: string, name: string])[] = [
    ['npx -y @modelcontextprotocol/server-filesystem@2026.1.1 /data', 'server-filesystem'],
    ['npx --package @scope/tools my-server', 'my-server'],
    ['uvx --from git+https://host/y mcp-server-git', 'mcp-server-git'],
    ['uvx mcp-server-git==1.2', 'mcp-server-git'],
    ['node --import ./x.mjs dist/server.js --token abc', 'server'],
    ['node node_modules/@scope/server-files/dist/index.js stdio', 'server-files'],
    ['node index.js', 'index'],
    ['python -m mcp_server_time', 'mcp_server_time'],
    ['/usr/local/bin/Weather-Server.sh', 'weather-server'],
  ]
  for (const [command, name] of commands) {
    it(`is ${name} for ${command}`, () => {
      assert.equal(nameOfCommand(command.split(' ')), name)
    })
  }

  it('is never made of an argument that may be a secret', () => {
    assert.equal(nameOfCommand(['bash', '-c', 'my-server --api-key s3cret']), 'bash')
    assert.equal(nameOfCommand(['docker', 'run', '-i', '-e', 'API_KEY', 'mcp/github']), 'docker')
    assert.equal(nameOfCommand(['npx', 'https://user:pw@host/x']), 'npx')
    assert.equal(nameOfCommand(['node', '-e', 'secret']), 'node')
    assert.equal(nameOfCommand([]), 'default')
  })

  it('is the host and a port that is no default for a URL', () => {
    assert.equal(nameOfUrl('https://mcp.example.com/mcp'), 'mcp-example-com')
    assert.equal(nameOfUrl('http://127.0.0.1:3001/mcp?key=1'), '127-0-0-1-3001')
    assert.equal(nameOfUrl('nothing'), 'default')
  })
})
