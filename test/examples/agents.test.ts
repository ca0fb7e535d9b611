/** The examples of agents and of clients: what they print, and that all of a call is one trace. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { parseJson } from '../support/json.ts'
import { waitFor } from '../support/wait-for.ts'
import { assertShown, commandsOf, copyExample, WITHIN, type Listening } from './example.ts'
import { startTraces } from './traces.ts'

interface Call {
  readonly method: string
  readonly target?: string
  readonly outcome: string
}

/** The trace that a program printed. */
function traceIn(output: string): string {
  return /^trace ([0-9a-f]{32})$/m.exec(output)?.[1] ?? assert.fail(output)
}

/** So many calls of tools in a trace, in order, as the address that the program printed tells of them. */
async function callsAt(output: string, count = 1): Promise<readonly string[]> {
  const url = /^ {2}as JSON: +(\S+)$/m.exec(output)?.[1] ?? assert.fail(output)
  return waitFor(
    async () => {
      const answer = parseJson<{ calls: readonly Call[] }>(await (await fetch(url)).text())
      const calls = answer.calls
        .filter(({ method }) => method === 'tools/call')
        .map(({ target, outcome }) => `${target}: ${outcome}`)
      return calls.length >= count && calls.toReversed()
    },
    { within: WITHIN, what: `${count} calls at ${url}` },
  )
}

function urlsOf({ dataUrl, adminUrl }: Listening): Readonly<Record<string, string>> {
  return { SIDELIGHT_URL: dataUrl, SIDELIGHT_ADMIN_URL: adminUrl }
}

test('a LangChain agent, Sidelight and the server are one trace, and a failed tool is seen', async () => {
  const [install, server, sidelight, agent, ...more] = commandsOf('examples/langchain/README.md')
  assert.deepEqual([install, more], ['npm install', []])
  const [example, traces] = await Promise.all([copyExample('langchain'), startTraces()])
  const running = example.start(server ?? '', { ...traces.env, PORT: '0' })
  const [, url = ''] = await running.find(/^weather server at (\S+)$/m)
  assert.match(sidelight ?? '', /--upstream http:\/\/127\.0\.0\.1:3001\/mcp$/)
  const listening = await example.startSidelight(
    sidelight?.replace('http://127.0.0.1:3001/mcp', url) ?? '',
    traces.env,
  )
  const output = await example.run(agent ?? '', { ...traces.env, ...urlsOf(listening) })
  assert.match(output, /^It is -3 °C in Oslo\. .*There is no city Atlantis\n/)
  assertShown('examples/langchain/README.md', output)
  assert.deepEqual(await callsAt(output, 2), ['get_weather: ok', 'get_weather: tool_error'])
  const path = await traces.path(traceIn(output), 'look up weather', 'weather-server')
  assert.deepEqual(path, [
    'weather-server: look up weather',
    'sidelight: tools/call get_weather',
    'sidelight: tools/call get_weather',
    'weather-agent: POST',
    'weather-agent: ask the agent',
  ])
  const page = await fetch(listening.adminUrl, { headers: { accept: 'text/html' } })
  assert.match(await page.text(), /^<!doctype html>/)
  await running.stop()
})

test('an AI SDK agent calls a stdio server over HTTP, in one trace', async () => {
  const [install, sidelight, agent, ...more] = commandsOf('examples/ai-sdk/README.md')
  assert.deepEqual([install, more], ['npm install', []])
  const [example, traces] = await Promise.all([copyExample('ai-sdk'), startTraces()])
  const listening = await example.startSidelight(sidelight ?? '', traces.env)
  const output = await example.run(agent ?? '', { ...traces.env, ...urlsOf(listening) })
  assert.match(output, /^The sum of 17 and 25 is 42\.\n/)
  assertShown('examples/ai-sdk/README.md', output)
  assert.deepEqual(await callsAt(output), ['get-sum: ok'])
  assert.deepEqual(await traces.path(traceIn(output), 'tools/call get-sum', 'sidelight'), [
    'sidelight: tools/call get-sum',
    'sidelight: tools/call get-sum',
    'sums-agent: POST',
    'sums-agent: ask the agent',
  ])
})

test("an agent on OpenAI's Agents SDK starts a wrapped server, in one trace", async () => {
  const [install, agent, onConsole, ...more] = commandsOf('examples/openai-agents/README.md')
  assert.deepEqual([install, more], ['npm install', []])
  const [example, traces] = await Promise.all([copyExample('openai-agents'), startTraces()])
  const output = await example.run(agent ?? '', traces.env)
  assert.match(output, /^The sum of 17 and 25 is 42\.\n/)
  assertShown('examples/openai-agents/README.md', output)
  assert.deepEqual(await traces.path(traceIn(output), 'tools/call get-sum', 'sidelight'), [
    'sidelight: tools/call get-sum',
    'sidelight: tools/call get-sum',
    'sums-agent: ask the agent',
  ])
  const second = example.start(onConsole ?? '')
  assert.equal(await second.ended(), 0, second.stderr)
  const spans = second.stderr.split('\n').filter((line) => line.includes('"resourceSpans"'))
  assert.match(spans.join('\n'), new RegExp(`"traceId":"${traceIn(second.stdout)}"`))
})

test('clients on both lines of the official SDK call a tool, in one trace each', async () => {
  const [install, sidelight, ...clients] = commandsOf('examples/sdk/README.md')
  assert.deepEqual([install, clients], ['npm install', ['node v2.ts', 'node v1.ts']])
  const [example, traces] = await Promise.all([copyExample('sdk'), startTraces()])
  const listening = await example.startSidelight(sidelight ?? '', traces.env)
  for (const [index, name] of ['sdk-v2', 'sdk-v1'].entries()) {
    const output = await example.run(clients[index] ?? '', {
      ...traces.env,
      ...urlsOf(listening),
    })
    assert.match(output, /^The sum of 17 and 25 is 42\.\n/)
    assertShown('examples/sdk/README.md', output)
    assert.deepEqual(await callsAt(output), ['get-sum: ok'])
    assert.deepEqual(await traces.path(traceIn(output), 'tools/call get-sum', 'sidelight'), [
      'sidelight: tools/call get-sum',
      'sidelight: tools/call get-sum',
      `${name}: POST`,
      `${name}: add two numbers`,
    ])
  }
})

/** A Python with the packages of the example, if there is one. */
const PYTHON = process.env['SIDELIGHT_TEST_PYTHON'] ?? 'python3'
const { status } = spawnSync(PYTHON, [
  '-c',
  'from mcp import Client; import opentelemetry.sdk, opentelemetry.exporter.otlp.proto.http',
])
const skip = status === 0 ? false : 'there is no Python with the packages of the example'

test('a client on the Python SDK calls a tool, in one trace', { skip }, async () => {
  const [install, sidelight, client, ...more] = commandsOf('examples/python/README.md')
  assert.deepEqual([install, more], ['python3 -m pip install -r requirements.txt', []])
  const [example, traces] = await Promise.all([copyExample('python'), startTraces()])
  const listening = await example.startSidelight(sidelight ?? '', traces.env)
  const output = await example.run(client?.replace(/^python3/, PYTHON) ?? '', {
    ...traces.env,
    ...urlsOf(listening),
  })
  assert.match(output, /^The sum of 17 and 25 is 42\.\n/)
  assertShown('examples/python/README.md', output)
  assert.deepEqual(await callsAt(output), ['get-sum: ok'])
  const path = await traces.path(traceIn(output), 'tools/call get-sum', 'sidelight')
  assert.deepEqual(path, [
    'sidelight: tools/call get-sum',
    'sidelight: tools/call get-sum',
    'python-client: MCP send tools/call get-sum',
    'python-client: add two numbers',
  ])
})
