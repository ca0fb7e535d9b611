/**
 * docs/troubleshooting.md is typed into a shell, block by block, beside a sidecar like the one that it
 * describes. What a block is followed by has to be what it prints, but for numbers.
 */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { fencesOf, type Fence } from '../support/markdown.ts'
import { freePort, startRawUpstream } from '../support/raw-upstream.ts'
import { startSidecarProcess, type SidecarProcess } from '../support/sidecar-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { waitFor } from '../support/wait-for.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

const WITHIN = 30_000

/** A stdio server that answers everything alike. */
const SERVER = `import { createInterface } from 'node:readline'
for await (const line of createInterface({ input: process.stdin })) {
  const { jsonrpc, id } = JSON.parse(line)
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc, id, result: {} }))
}
`

interface Scene {
  readonly sidecar: SidecarProcess
  readonly directory: string
}

async function startScene(): Promise<Scene> {
  const weather = await startRawUpstream((asked, reply) => {
    const { method, id } = asked.json()
    if (id === undefined) return reply.send({ status: '202 Accepted', headers: [] })
    if (method === 'tools/list') {
      return reply.result({ tools: [{ name: 'forecast', inputSchema: { type: 'object' } }] })
    }
    reply.result({ content: [{ type: 'text', text: 'sunny' }], supportedVersions: ['2026-07-28'] })
  })
  const directory = await temporaryDirectory()
  const config = {
    listen: { data: '127.0.0.1:0', admin: '127.0.0.1:0' },
    upstreams: {
      weather: { url: weather.url, health: { interval: '1s' } },
      search: {
        url: `http://127.0.0.1:${await freePort()}/mcp`,
        health: { interval: '1s' },
        breaker: { openTime: '5m', recoveryTimeout: '5m' },
      },
    },
  }
  const file = join(directory, 'sidelight.yaml')
  await writeFile(file, JSON.stringify(config))
  await writeFile(join(directory, 'server.mjs'), SERVER)
  const sidecar = await startSidecarProcess({ args: ['--config', file] })
  await call(sidecar, 'weather', { method: 'tools/list' })
  const forecast = { method: 'tools/call', params: { name: 'forecast' } }
  for (let n = 0; n < 6; n += 1) await call(sidecar, 'weather', forecast)
  for (let n = 0; n < 5; n += 1) {
    await call(sidecar, 'search', { method: 'tools/call', params: { name: 'lookup' } })
  }
  await waitFor(async () => /weather ok[^]*search down/.test(await readiness(sidecar)), {
    within: WITHIN,
    what: 'a health check of each upstream',
  })
  return { sidecar, directory }
}

async function readiness(sidecar: SidecarProcess): Promise<string> {
  return (await fetch(`${sidecar.adminUrl}/readyz?verbose`)).text()
}

async function call(sidecar: SidecarProcess, upstream: string, message: object): Promise<void> {
  const response = await fetch(sidecar.url(upstream), {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
  })
  await response.arrayBuffer()
}

/** Shell blocks, each with the block of what it prints that follows. */
function examples(): readonly (readonly [script: Fence, output: Fence])[] {
  const fences = fencesOf('docs/troubleshooting.md')
  return fences.flatMap((fence, index) => {
    const next = fences[index + 1]
    return fence.language === 'sh' && next?.language === 'text' ? [[fence, next] as const] : []
  })
}

async function run(script: string, { sidecar, directory }: Scene): Promise<string> {
  const admin = new URL(sidecar.adminUrl).host
  const prelude = `sidelight() {
  command=$1; shift
  if [ "$command" = top ]; then set -- --url http://${admin} "$@"; fi
  if [ "$command" = reload ]; then set -- --admin ${admin} "$@"; fi
  '${process.execPath}' '${MAIN}' "$command" "$@"
}
`
  const here = script
    .replaceAll('127.0.0.1:9464', admin)
    .replaceAll('127.0.0.1:8420', new URL(sidecar.dataUrl).host)
  const shell = spawn('sh', ['-c', prelude + here], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], OTEL_SDK_DISABLED: 'true' },
  })
  let text = ''
  shell.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(shell, 'close')
  return text
}

/** A line of the page as a pattern: numbers and ids differ, `…` is anything, spaces are one. */
function patternOf(line: string): RegExp {
  const parts = line
    .trim()
    .replaceAll(/\s+/g, ' ')
    .split(/(\b[0-9a-f]{32}\b|…|\b\d+(?:[.:,]\d+)*)/)
  const source = parts.map((part, index) => {
    if (index % 2 === 0) return part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
    if (part === '…') return '.*'
    return part.length === 32 ? '[0-9a-f]{32}' : '[\\d.:,e-]+'
  })
  return new RegExp(`^${source.join('')}$`)
}

/** Whether there is such a program; not every machine has them. */
const has = (program: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${program}`]).status === 0

const MISSING = ['curl', 'jq'].filter((program) => !has(program))

it('what docs/troubleshooting.md tells people to type prints what it says', async (t) => {
  const scene = await startScene()
  const all = examples()
  assert.ok(all.length >= 10, `only ${all.length} examples were found`)
  for (const program of MISSING)
    t.diagnostic(`NOT TESTED: what needs ${program}, which is not here`)
  const shown = all.filter(([{ text }]) =>
    MISSING.every((program) => !new RegExp(`(^|\\| )${program} `).test(text)),
  )
  for (const [script, output] of shown) {
    const printed = await run(script.text, scene)
    const lines = printed.split('\n').map((line) => line.trim().replaceAll(/\s+/g, ' '))
    const absent = output.text
      .split('\n')
      .filter((line) => line.trim() !== '' && line.trim() !== '…')
      .filter((line) => !lines.some((found) => patternOf(line).test(found)))
    assert.deepEqual(absent, [], `docs/troubleshooting.md:${script.line} printed:\n${printed}`)
  }
})
