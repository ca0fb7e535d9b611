/** A sidecar that is replaced again and again while clients call: no call is lost, and all is recorded. */

import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { parseRecord, type AuditRecord } from '../../src/audit/record.ts'
import { startFleet, type Fleet } from '../support/fleet.ts'
import { startV1Server } from '../support/mcp-server-v1.ts'
import { startV2Server } from '../support/mcp-server-v2.ts'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { OTLP } from '../support/otlp-types.ts'
import { lastingPort } from '../support/lasting-port.ts'
import { closeAfterTest } from '../support/scope.ts'
import { JSON_HEADERS, RawClient, requestOnce } from '../support/raw-client.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { startSidecarProcess, type SidecarProcess } from '../support/sidecar-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { startTestSidecar } from '../support/test-sidecar.ts'
import { bounded, waitFor } from '../support/wait-for.ts'

const RESTARTS = 3
/** Calls that are answered before each restart. */
const CALLS_BETWEEN = 60
const IN_TIME = 60_000

async function recordsIn(directory: string): Promise<readonly AuditRecord[]> {
  const names = (await readdir(directory)).filter((name) => name.startsWith('audit-')).toSorted()
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')))
  return texts
    .flatMap((text) => text.split('\n'))
    .flatMap((line) => parseRecord(Buffer.from(line)) ?? [])
}

/** Ends one that is told to, and says how. */
async function replace(
  old: SidecarProcess,
  start: () => Promise<SidecarProcess>,
): Promise<SidecarProcess> {
  old.signal('SIGTERM')
  // It listens no more, and lets calls finish; the next one takes its place meanwhile.
  await waitFor(() => old.stderr.includes('"sidelight.sidecar.draining"'), {
    within: IN_TIME,
    what: () => `the drain to begin: ${old.stderr}`,
  })
  const next = await start()
  const { code, signal } = await old.finished(IN_TIME)
  assert.deepEqual([code, signal], [0, null], old.stderr)
  return next
}

async function answered(fleet: Fleet, more: number): Promise<void> {
  const until = fleet.count('answered') + more
  await waitFor(() => fleet.count('answered') >= until, {
    within: IN_TIME,
    what: () => `${until} answers; there are ${fleet.count('answered')}`,
  })
}

test('a rolling restart under load loses no call, and all that finished is exported and recorded', async () => {
  const [v1, v2] = [await startV1Server({ echoMs: 30 }), await startV2Server({ echoMs: 30 })]
  const sink = await startOtlpSink()
  const directory = await temporaryDirectory()
  const listen = `127.0.0.1:${await lastingPort()}`
  const logs: string[] = []
  const start = async (): Promise<SidecarProcess> => {
    const log = join(directory, `audit-of-${logs.length}`)
    const file = join(directory, `${logs.length}.yaml`)
    logs.push(log)
    await writeFile(
      file,
      [
        'upstreams:',
        `  v1: { url: "${v1.url}", health: { method: off } }`,
        `  v2: { url: "${v2.url}", health: { method: off } }`,
        `audit: { dir: ${log}, freeSpace: 0B }`,
        'shutdown: { drainTimeout: 60s, flushTimeout: 60s }',
        '',
      ].join('\n'),
    )
    return startSidecarProcess({ args: ['--config', file], listen, env: sink.env })
  }
  let sidecar = await start()
  const fleet = await startFleet({
    urls: { v1: sidecar.url('v1'), v2: sidecar.url('v2') },
    size: 4,
    pauseMs: 5,
  })
  for (let restart = 0; restart < RESTARTS; restart += 1) {
    await answered(fleet, CALLS_BETWEEN)
    sidecar = await replace(sidecar, start)
  }
  await answered(fleet, CALLS_BETWEEN)
  await fleet.stop()
  sidecar.signal('SIGTERM')
  assert.equal((await sidecar.finished(IN_TIME)).code, 0)

  const { attempts } = fleet
  assert.deepEqual(
    attempts.filter(({ end }) => end.startsWith('lost')),
    [],
    'every attempt ended, or was refused before anything was sent',
  )
  const ran = [...v1.echoed, ...v2.echoed].toSorted()
  const succeeded = attempts.filter(({ end }) => end === 'answered').map(({ text }) => text)
  assert.deepEqual(ran, succeeded.toSorted(), 'what ran was answered, once each')

  const records = (await Promise.all(logs.map((log) => recordsIn(log)))).flat()
  const recorded = (type: string): number =>
    records.filter((one) => one.type === type && one.method === 'tools/call').length
  assert.equal(recorded('call.ended'), succeeded.length, 'records of calls')
  assert.equal(recorded('call.refused'), fleet.count('refused'), 'records of refusals')
  const exported = (kind: number): number =>
    sink.spans.filter((span) => span.name === 'tools/call echo' && span.kind === kind).length
  assert.equal(exported(OTLP.client), succeeded.length, 'spans of what was sent on')
  assert.equal(exported(OTLP.server), succeeded.length + fleet.count('refused'), 'spans of calls')
})

test('a subscription ends with its result, so that its client knows that nothing is broken', async () => {
  const v2 = await startV2Server()
  const sidecar = await startSidecarProcess({ args: ['--upstream', `v2=${v2.url}`] })
  const client = new Client(
    { name: 'listener', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  )
  closeAfterTest(() => client.close())
  await client.connect(new StreamableHTTPClientTransport(new URL(sidecar.url('v2'))))
  const subscription = await client.listen({ toolsListChanged: true })
  sidecar.signal('SIGTERM')
  const why = await bounded(subscription.closed, { within: IN_TIME, what: 'the end' })
  assert.equal(why, 'graceful')
  assert.equal((await sidecar.finished(IN_TIME)).code, 0)
})

test('a request whose body is on its way when the sidecar ends is answered', async () => {
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
  const client = await RawClient.open(sidecar.dataUrl)
  const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}'
  client.write(
    `POST /main/mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n`,
  )
  // Sent later and answered: so the head has been read.
  assert.equal((await requestOnce(sidecar.url('main'), { body })).status, 200)
  const closed = sidecar.close()
  await waitFor(async () => (await RawClient.open(sidecar.dataUrl)).error !== undefined, {
    within: IN_TIME,
    what: 'nobody to listen any more',
  })
  client.write(body)
  const response = await client.response()
  assert.deepEqual(response.values('connection'), ['close'])
  assert.match(response.body.toString(), /"reason":"draining"|"result"/)
  await closed
})
