/** The processes of the demo as docker-compose.yml starts them, each by itself. */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { closeAfterTest } from '../support/scope.ts'
import { bounded, waitFor } from '../support/wait-for.ts'

const DEMO = fileURLToPath(new URL('../../deploy/compose/demo.ts', import.meta.url))

const WITHIN = 30_000

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

test('a server of the demo listens where it is told to, and ends when it is asked to', async () => {
  const port = await freePort()
  const child = spawn(process.execPath, [DEMO, 'library', String(port)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  closeAfterTest(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await waitFor(() => text.includes(`library listens on ${port}`), {
    within: WITHIN,
    what: () => `the server to listen; it wrote: ${text}`,
  })
  const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  })
  assert.match(await response.text(), /search_books/)
  child.kill('SIGTERM')
  await bounded(ended, { within: WITHIN, what: 'the server to end' })
  assert.equal(child.exitCode, 0)
})

test('a process of the demo says how it is started', () => {
  const { status, stderr } = spawnSync(process.execPath, [DEMO, 'nothing'], { encoding: 'utf8' })
  assert.equal(status, 2)
  assert.match(stderr, /^usage: demo\.ts /)
})
