/** `sidelight doctor` against real servers, files and ports, and against disks and clocks made up. */

import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { doctorCommand } from '../../src/cli/doctor.ts'
import type { CommandContext } from '../../src/cli/command.ts'
import { checkClock } from '../../src/cli/doctor/clock.ts'
import { checkDisk } from '../../src/cli/doctor/disk.ts'
import { realEffects, type Answer, type Effects } from '../../src/cli/doctor/effects.ts'
import type { Report } from '../../src/cli/doctor/finding.ts'
import { validateConfig } from '../../src/config/load.ts'
import { systemClock } from '../../src/core/clock.ts'
import { startHttpServer } from '../support/http-server.ts'
import { parseJson } from '../support/json.ts'
import { startV1Server } from '../support/mcp-server-v1.ts'
import { startV2Server } from '../support/mcp-server-v2.ts'
import { freePort } from '../support/raw-upstream.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { startTokenIssuer } from '../support/token-issuer.ts'

interface Run {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function run(
  flags: Readonly<Record<string, string | boolean | readonly string[]>>,
  env: Readonly<Record<string, string>> = { OTEL_SDK_DISABLED: 'true' },
): Promise<Run> {
  let out = ''
  let err = ''
  const context: CommandContext = {
    env,
    version: '0.0.0-test',
    clock: systemClock,
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    stdin: () => process.stdin,
    stdout: () => process.stdout,
    stopped: new Promise(() => {}),
    onHangup: () => {},
    terminal: undefined,
    program: () => assert.fail('nothing is copied'),
  }
  return { code: await doctorCommand(flags, context), out, err }
}

async function startHttp(listener: RequestListener): Promise<string> {
  return (await startHttpServer(listener)).origin
}

/** A port that nobody listens on: one that was free a moment ago. */
async function freeUrl(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`
}

async function written(config: object): Promise<string> {
  const file = join(await temporaryDirectory(), 'sidelight.yaml')
  // JSON is YAML.
  await writeFile(file, JSON.stringify(config))
  return file
}

const LISTEN = { data: '127.0.0.1:0', admin: '127.0.0.1:0' }

describe('The doctor', () => {
  it('finds a good configuration and good surroundings well, and tells eras apart', async () => {
    const [modern, legacy, issuer] = await Promise.all([
      startV2Server({ modernOnly: true }),
      startV1Server(),
      startTokenIssuer(),
    ])
    const asked: string[] = []
    const url = await startHttp((request, response) => {
      asked.push(`${request.method ?? ''} ${request.url ?? ''}`)
      response.end('{}')
    })
    const directory = await temporaryDirectory()
    const token = join(directory, 'token')
    await writeFile(token, 'canary-doctor-0123456789', { mode: 0o600 })
    const file = await written({
      listen: LISTEN,
      upstreams: {
        modern: { url: modern.url, headers: { authorization: { file: token } } },
        legacy: { url: legacy.url, health: { method: 'off' } },
      },
      auth: {
        mode: 'required',
        issuers: [{ issuer: issuer.url, audience: 'x' }],
        revocations: token,
      },
      audit: { dir: join(directory, 'audit'), freeSpace: '1KiB', segmentBytes: '1MiB' },
      alerts: { receivers: { pager: { url } } },
    })
    const { code, out, err } = await run(
      { config: file, json: true },
      { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_METRICS_EXPORTER: 'none' },
    )
    const report = parseJson<Report>(out)
    // A busy disk is slow, and that is worth a warning.
    const wrong = report.findings.filter(
      ({ level, found }) => level !== 'ok' && !/disk/.test(found),
    )
    assert.deepEqual(wrong, [])
    assert.equal(code, 0)
    assert.equal(err, '')
    assert.equal(report.ok, true)
    const found = (check: string): string[] =>
      report.findings.filter((one) => one.check === check).map((one) => one.found)
    assert.deepEqual(found('config'), ['valid, 2 upstreams'])
    assert.deepEqual(found('port'), ['free', 'free'])
    assert.deepEqual(found('upstream'), [
      'answers; stateless, of 2026-07-28 or later',
      'answers; with sessions, from before 2026-07-28',
    ])
    assert.match(found('issuer')[0] ?? '', /^\d+ keys, for .*ES256/)
    assert.deepEqual(found('collector'), ['takes exports', 'takes exports'])
    assert.deepEqual(found('receiver'), ['answers'])
    assert.match(found('disk')[0] ?? '', /^a write reaches the disk in [\d.]+ ms$/)
    assert.deepEqual(found('secret'), ['mode 600', 'to be made at the first start'])
    assert.deepEqual(found('file'), ['there'])
    assert.ok(found('clock').includes('its clock is as ours'))
    assert.deepEqual(asked.toSorted(), ['GET /api/v2/status', 'POST /v1/logs', 'POST /v1/traces'])
    assert.doesNotMatch(out, /canary/)
  })

  it('names what is broken and what to do, and exits with 1', async () => {
    const [nobody, issuer, nothing] = [await freeUrl(), await freeUrl(), await freeUrl()]
    const busy = await startHttp((_, response) => response.writeHead(404).end())
    const taken = await startHttp((_, response) => response.end())
    const directory = await temporaryDirectory()
    const secret = join(directory, 'secret')
    await writeFile(secret, 'canary-doctor-0123456789')
    await chmod(secret, 0o666)
    await writeFile(join(directory, 'no-directory'), '')
    await writeFile(join(directory, 'short'), 'canary', { mode: 0o600 })
    await mkdir(join(directory, 'keys'))
    await chmod(join(directory, 'keys'), 0o755)
    const tokens = [{ name: 'a', file: join(directory, 'short'), permissions: ['read'] }]
    const file = await written({
      listen: { data: new URL(taken).host, admin: 'off' },
      upstreams: {
        gone: { url: `${nobody}/mcp`, headers: { 'x-key': { file: secret } } },
        lost: { url: `${busy}/elsewhere` },
        program: { command: [process.execPath, '-e', 'process.exit(3)'] },
      },
      auth: { mode: 'required', issuers: [{ issuer, audience: 'x' }], admin: { tokens } },
      audit: { dir: join(directory, 'no-directory'), keys: join(directory, 'keys') },
      alerts: { receivers: { pager: { url: nothing }, chat: { type: 'webhook', url: busy } } },
    })
    const { code, out } = await run(
      { config: file },
      { OTEL_EXPORTER_OTLP_ENDPOINT: busy, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: nothing },
    )
    assert.equal(code, 1)
    for (const expected of [
      `fail  port      listen.data ${new URL(taken).host}: is already in use`,
      'fail  upstream  gone: does not answer (ECONNREFUSED)',
      '      -> start the server, or correct the port in upstreams.gone.url',
      'fail  upstream  lost: does not answer (404)',
      '      -> correct the path in upstreams.lost.url, often /mcp',
      'fail  upstream  program: does not answer (process_exit)',
      `fail  issuer    ${issuer}: its keys cannot be had (unreachable: ECONNREFUSED)`,
      `warn  collector traces ${nothing}/: cannot be reached (ECONNREFUSED)`,
      `warn  collector metrics ${busy}/v1/metrics: answers with status 404`,
      '      -> use the address of its OTLP receiver over HTTP, often port 4318',
      'fail  receiver  pager: cannot be reached (ECONNREFUSED)',
      'ok    receiver  chat: answers',
      `fail  disk      ${directory}/no-directory: cannot be written (ENOTDIR)`,
      `fail  secret    upstreams.gone.headers.x-key ${secret}: others may change it (mode 666)`,
      `fail  secret    audit.keys ${directory}/keys: others may look into it (mode 755)`,
      `fail  file      ${directory}/short: auth.admin.tokens.0.file: expected at least 16 bytes`,
    ]) {
      assert.ok(out.split('\n').includes(expected), `${expected}\nis not in\n${out}`)
    }
    assert.match(out, /\n\d+ ok, \d+ to look at, 10 failed\n$/)
    assert.doesNotMatch(out, /canary/)
  })

  it('says what is wrong with a configuration, and looks no further', async () => {
    const file = await written({ upstreams: { a: { ulr: 'http://127.0.0.1:1/mcp' } } })
    const { code, out } = await run({ config: file, json: true })
    assert.equal(code, 1)
    const { findings, ok } = parseJson<Report>(out)
    assert.equal(ok, false)
    assert.deepEqual(
      findings.map(({ check, level }) => [check, level]),
      [['config', 'fail']],
    )
    assert.match(findings[0]?.found ?? '', /ulr.*url/s)
  })

  it('takes flags in place of a file, and refuses both', async () => {
    const server = await startV2Server()
    const flags = { upstream: [server.url], listen: '127.0.0.1:0', admin: '127.0.0.1:0' }
    const { code, out } = await run(flags)
    assert.equal(code, 0, out)
    assert.match(out, /^ok {4}config {4}flags: valid, 1 upstream\n/)
    const both = await run({ ...flags, config: 'x' })
    assert.deepEqual(both, {
      code: 2,
      out: '',
      err: 'sidelight doctor: give either --upstream URL or --config FILE\n',
    })
  })
})

const NEVER: Effects = {
  ...realEffects(systemClock),
  ask: () => Promise.resolve({ kind: 'failed', code: 'timeout' }),
}

function auditConfig(dir: string) {
  const read = validateConfig({
    upstreams: { a: { url: 'http://127.0.0.1:1/mcp' } },
    audit: { dir },
  })
  assert.ok(read.kind === 'config')
  return read.config
}

describe('The doctor of disks', () => {
  it('finds too little room, and a disk that is too slow', async () => {
    const directory = await temporaryDirectory()
    const found = await checkDisk(auditConfig(join(directory, 'a', 'b')), {
      ...NEVER,
      freeBytes: () => Promise.resolve(319 * 1024 * 1024),
      writeThrough: (where) => Promise.resolve(where === directory ? 51 : 'wrong directory'),
    })
    assert.deepEqual(
      found.map(({ level, found: words }) => [level, words]),
      [
        ['warn', 'a write reaches the disk in 51.0 ms'],
        ['fail', '319 MiB free'],
      ],
    )
    assert.match(found[1]?.advice ?? '', /^make room for 320 MiB/)
  })

  it('leaves nothing behind', async () => {
    const directory = await temporaryDirectory()
    await mkdir(join(directory, 'audit'))
    const found = await checkDisk(auditConfig(join(directory, 'audit')), realEffects(systemClock))
    assert.equal(found.length, 2)
    assert.deepEqual(await readdir(join(directory, 'audit')), [])
  })
})

describe('The doctor of clocks', () => {
  const url = new URL('http://127.0.0.1:1/')

  function levelAt(skewMs: number, toleranceMs?: number): Promise<readonly string[]> {
    const answer: Answer = { kind: 'answer', status: 405, dateMs: 1_000_000, text: '', tookMs: 500 }
    const effects = {
      ...NEVER,
      ask: () => Promise.resolve(answer),
      wallMs: () => 1_000_000 + skewMs,
    }
    return checkClock({ subject: 'x', url, toleranceMs }, effects).then((findings) =>
      findings.map(({ level, found }) => `${level} ${found}`),
    )
  }

  it('allows for whole seconds and the way', async () => {
    assert.deepEqual(await levelAt(2_500), ['ok its clock is as ours'])
    assert.deepEqual(await levelAt(2_501), ['warn its clock is 3 s behind ours'])
    assert.deepEqual(await levelAt(-2_501), ['warn its clock is 3 s ahead of ours'])
  })

  it('fails where tokens would be refused', async () => {
    assert.deepEqual(await levelAt(32_500, 30_000), ['warn its clock is 33 s behind ours'])
    assert.deepEqual(await levelAt(-32_501, 30_000), [
      'fail its clock is 33 s ahead of ours, more than auth.clockTolerance (30 s)',
    ])
  })

  it('says nothing of those that do not answer', async () => {
    assert.deepEqual(await checkClock({ subject: 'x', url }, NEVER), [])
  })
})
