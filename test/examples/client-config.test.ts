/** The configurations of clients: what they start is started, and spoken to as a client does. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { parseJson } from '../support/json.ts'
import { startV1Server } from '../support/mcp-server-v1.ts'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { OTLP, plainAttributes } from '../support/otlp-types.ts'
import { shellCommands } from '../support/markdown.ts'
import { closeAfterTest } from '../support/scope.ts'
import { commandsOf, copyExample, ROOT, spansAt } from './example.ts'

interface Entry {
  readonly type?: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** Each client's file, and the member under which it looks for servers. */
const FILES: readonly (readonly [file: string, member: string])[] = [
  ['.mcp.json', 'mcpServers'],
  ['.vscode/mcp.json', 'servers'],
  ['.cursor/mcp.json', 'mcpServers'],
  ['claude_desktop_config.json', 'mcpServers'],
]

const FOLDER = path.join(ROOT, 'examples/client-config')
const UPSTREAM = 'http://127.0.0.1:3001/mcp'
const COLLECTOR = 'http://127.0.0.1:4318'

function entriesOf(file: string, member: string): Readonly<Record<string, Entry>> {
  const text = readFileSync(path.join(FOLDER, file), 'utf8')
  const parsed = parseJson<Readonly<Record<string, Readonly<Record<string, Entry>>>>>(text)
  assert.deepEqual(Object.keys(parsed), [member])
  return parsed[member] ?? {}
}

/** What Claude Code is told to add, as it would write it down. */
function addedBy(command: string): readonly [name: string, entry: Entry] {
  const [words = []] = shellCommands(command)
  assert.deepEqual(words.slice(0, 4), ['claude', 'mcp', 'add', '--env'])
  const [variable = '', name = '', dashes, program = '', ...args] = words.slice(4)
  assert.equal(dashes, '--')
  const [key = '', value = ''] = variable.split('=')
  return [name, { type: 'stdio', command: program, args, env: { [key]: value } }]
}

describe('the configuration of a client', () => {
  it('starts the same two servers in each, and VS Code and Claude Code are told how to speak', () => {
    const [first, ...others] = FILES.map(([file, member]) => entriesOf(file, member))
    for (const [index, entries] of [first, ...others].entries()) {
      const typed = index < 2
      for (const entry of Object.values(entries ?? {})) {
        assert.equal(entry.type, typed ? 'stdio' : undefined)
      }
      const untyped = (all: object = {}): object =>
        Object.fromEntries(Object.entries(all).map(([name, e]) => [name, { ...e, type: '' }]))
      assert.deepEqual(untyped(entries), untyped(first))
    }
    assert.deepEqual(Object.keys(first ?? {}), ['everything', 'weather'])
  })

  it('is what the commands for Claude Code write', () => {
    const added = commandsOf('examples/client-config/README.md').map(addedBy)
    assert.deepEqual(Object.fromEntries(added), entriesOf('.mcp.json', 'mcpServers'))
  })

  for (const name of ['everything', 'weather']) {
    it(`starts the server ${name} wrapped, whose calls are spans with its name`, async () => {
      const [example, server, sink] = await Promise.all([
        copyExample('client-config'),
        startV1Server(),
        startOtlpSink(),
      ])
      const { command, args, env } = entriesOf('.mcp.json', 'mcpServers')[name] ?? assert.fail(name)
      assert.deepEqual(env, { OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR })
      const client = new Client({ name: 'a-client', version: '1.0.0' })
      closeAfterTest(() => client.close())
      const transport = new StdioClientTransport({
        command,
        args: args.map((argument) => (argument === UPSTREAM ? server.url : argument)),
        env: { ...example.env, ...sink.env },
        cwd: example.folder,
        stderr: 'ignore',
      })
      await client.connect(transport)
      const { tools } = await client.listTools()
      assert.ok(tools.some((tool) => tool.name === 'echo'))
      const given = { message: 'hello', text: 'hello' }
      const result = await client.callTool({ name: 'echo', arguments: given })
      assert.match(JSON.stringify(CallToolResultSchema.parse(result).content), /hello/)
      const [span] = await spansAt(
        sink,
        1,
        (one) => one.kind === OTLP.server && one.name === 'tools/call echo',
      )
      const attributes = plainAttributes(span?.attributes ?? [])
      assert.equal(attributes['sidelight.upstream.name'], name)
      assert.equal(attributes['sidelight.outcome'], 'ok')
    })
  }
})
