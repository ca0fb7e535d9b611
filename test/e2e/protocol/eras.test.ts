/** Clients that find out what their server speaks come to the same end through the sidecar. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  Client,
  StreamableHTTPClientTransport,
  type VersionNegotiationOptions,
} from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { startV1Server } from '../../support/mcp-server-v1.ts'
import { startV2Server } from '../../support/mcp-server-v2.ts'
import { closeAfterTest } from '../../support/scope.ts'
import { startTestSidecar } from '../../support/test-sidecar.ts'
import { MAIN } from '../../support/wrap-process.ts'

type Mode = NonNullable<VersionNegotiationOptions['mode']>

function newClient(mode: Mode): Client {
  const client = new Client(
    { name: 'near', version: '1.0.0' },
    { capabilities: { sampling: {}, elicitation: { form: {} } }, versionNegotiation: { mode } },
  )
  client.setRequestHandler('elicitation/create', () => ({
    action: 'accept',
    content: { name: 'Ada' },
  }))
  closeAfterTest(() => client.close())
  return client
}

/** A few of everything, whatever the era. */
async function converse(client: Client): Promise<unknown> {
  const seen: number[] = []
  const { tools } = await client.listTools()
  await client.callTool(
    { name: 'progress' },
    { onprogress: ({ progress }) => void seen.push(progress) },
  )
  assert.deepEqual(seen, [1, 2, 3])
  return {
    tools: tools.map(({ name }) => name),
    echo: await client.callTool({ name: 'echo', arguments: { text: 'é😀 "x" \u2028' } }),
    fail: await client.callTool({ name: 'fail' }),
    ask: (await client.callTool({ name: 'ask' })).content,
    read: (await client.readResource({ uri: 'test://fixed' })).contents,
  }
}

const SERVERS = {
  'SDK v1': { file: 'stdio-server-v1.ts', legacy: true },
  'SDK v2': { file: 'stdio-server-v2.ts', legacy: false },
} as const

const MODES = ['auto', 'legacy'] as const

function commandOf(file: string): [string, string] {
  return [process.execPath, fileURLToPath(new URL(`../../support/${file}`, import.meta.url))]
}

for (const [name, { file, legacy }] of Object.entries(SERVERS)) {
  for (const mode of MODES) {
    test(`case 32: a client in mode ${mode} talks to a stdio server on ${name} as over a URL (HTTP→stdio)`, async () => {
      const sidecar = await startTestSidecar({ upstreams: { main: { command: commandOf(file) } } })
      const client = newClient(mode)
      await client.connect(new StreamableHTTPClientTransport(new URL(sidecar.url('main'))))
      await converse(client)
      const shakes = legacy || mode === 'legacy'
      assert.equal(sidecar.recorder.of('initialize').length, shakes ? 1 : 0)
      assert.equal(sidecar.recorder.of('server/discover').length, mode === 'auto' ? 1 : 0)
      assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call', 'echo'), { kind: 'ok' })
      assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call', 'fail'), {
        kind: 'tool_error',
      })
    })
  }

  test(`case 32: a client that finds out the era of a stdio server on ${name} does the same through wrap (stdio→stdio)`, async () => {
    const [command, main] = commandOf(file)
    const direct = newClient('auto')
    const through = newClient('auto')
    await Promise.all([
      direct.connect(new StdioClientTransport({ command, args: [main] })),
      through.connect(
        new StdioClientTransport({
          command,
          args: [MAIN, 'wrap', '--', command, main],
          env: QUIET,
        }),
      ),
    ])
    assert.deepEqual(await converse(through), await converse(direct))
    assert.equal(through.getNegotiatedProtocolVersion(), legacy ? '2025-11-25' : '2026-07-28')
  })
}

const QUIET = {
  PATH: process.env['PATH'] ?? '',
  OTEL_TRACES_EXPORTER: 'none',
  OTEL_METRICS_EXPORTER: 'none',
  OTEL_LOGS_EXPORTER: 'none',
}

for (const [name, start, revision] of [
  ['SDK v1', () => startV1Server(), '2025-11-25'],
  ['SDK v2', () => startV2Server(), '2026-07-28'],
] as const) {
  test(`case 32: a client over pipes finds out the era of an HTTP server on ${name} (stdio→HTTP)`, async () => {
    const server = await start()
    const client = newClient('auto')
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [MAIN, 'wrap', '--upstream', server.url],
        env: QUIET,
      }),
    )
    assert.equal(client.getNegotiatedProtocolVersion(), revision)
    const { tools } = await client.listTools()
    assert.ok(tools.some((tool) => tool.name === 'echo'))
    const echo = await client.callTool({ name: 'echo', arguments: { text: 'é' } })
    assert.deepEqual(echo.content, [{ type: 'text', text: 'é' }])
    const tool = name === 'SDK v1' ? 'elicit' : 'ask'
    assert.match(JSON.stringify((await client.callTool({ name: tool })).content), /Ada/)
  })
}
