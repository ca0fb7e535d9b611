/** `sidelight audit` as people run it. */

import assert from 'node:assert/strict'
import { copyFile, cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { segmentPath } from '../../src/audit/segment.ts'
import { entry, makeDirectory, openStore } from '../audit/rig.ts'
import { runSidelight } from '../support/sidecar-process.ts'

async function makeLog(): Promise<{ readonly directory: string; readonly kept: string }> {
  const directory = join(await makeDirectory(), 'log')
  const { store, notes } = await openStore(directory)
  for (const tool of ['a', 'b', 'c']) await store.write([entry({ tool, outcome: 'ok' })])
  await store.checkpoint()
  await store.close()
  const kept = join(directory, '..', 'kept')
  await writeFile(kept, notes.join('\n'))
  return { directory, kept }
}

test('audit verify says what is in order, and names the place of what is not', async () => {
  const { directory, kept } = await makeLog()
  const good = await runSidelight(['audit', 'verify', '--dir', directory])
  assert.equal(good.code, 0, good.stderr)
  assert.equal(
    good.stdout,
    `1 segment, 4 records (1 to 4)
chain: each record was checked against the one before
checkpoints: 1 fit, 0 records came after the last
in order
`,
  )
  const path = segmentPath(directory, 1)
  const whole = await readFile(path, 'utf8')
  await writeFile(path, whole.replace('"tool":"b"', '"tool":"x"'))
  const bad = await runSidelight(['audit', 'verify', '--dir', directory])
  assert.equal(bad.code, 1)
  const offset = Buffer.from(whole).indexOf('{"v":1,"seq":3')
  assert.ok(
    bad.stdout.includes(
      `FAULT: segment 1, record 3, byte ${offset}: the record is not as it was written\n`,
    ),
    bad.stdout,
  )

  // Elsewhere, without any secret, and cut off at the end.
  const copy = join(directory, '..', 'copy')
  await cp(directory, copy, { recursive: true })
  const publicKey = join(copy, '..', 'checkpoint.pub')
  await copyFile(join(directory, 'keys', 'checkpoint.pub'), publicKey)
  await rm(join(copy, 'keys'), { recursive: true })
  await rm(join(copy, 'checkpoints-00000001.jsonl'))
  await writeFile(segmentPath(copy, 1), `${whole.split('\n').slice(0, 3).join('\n')}\n`)
  const flags = ['--dir', copy, '--public-key', publicKey, '--checkpoints', kept]
  const short = await runSidelight(['audit', 'verify', ...flags])
  assert.equal(short.code, 1)
  assert.match(
    short.stdout,
    /FAULT: record 4: .*counts 4 records.*ends with record 3: 1 are gone\n/,
  )
})

test('audit tail, query and export show records, and what makes no sense is said', async () => {
  const { directory } = await makeLog()
  const dir = ['--dir', directory]
  const tail = await runSidelight(['audit', 'tail', ...dir, '--limit', '2'])
  assert.match(tail.stdout, /^\{.*"tool":"b".*\}\n\{.*"tool":"c".*\}\n$/)
  const page = await runSidelight(['audit', 'query', ...dir, '--outcome', 'ok', '--limit', '2'])
  assert.equal(page.stdout.trim().split('\n').length, 2)
  assert.equal(page.stderr, 'more: --after 3\n')
  const ocsf = await runSidelight(['audit', 'export', ...dir, '--tool', 'a'])
  assert.match(ocsf.stdout, /^\{"class_uid":6003,.*"activity_name":"call\.ended".*\}\n$/)
  const otlp = await runSidelight(['audit', 'export', ...dir, '--format', 'otlp'])
  assert.match(otlp.stdout, /^\{"resourceLogs":\[.*"eventName":"sidelight\.audit\.record".*\}\n$/)
  const whose = await runSidelight(['audit', 'export', ...dir, '--issuer', 'https://x'])
  assert.deepEqual(
    [whose.code, whose.stdout, whose.stderr],
    [2, '', 'sidelight audit: --issuer: name the person too, with --subject\n'],
  )
  const usage = await runSidelight(['audit', 'query', ...dir, '--since', 'yesterday'])
  assert.deepEqual(
    [usage.code, usage.stderr],
    [2, 'sidelight audit: --since: expected a time such as 2026-11-30T10:00:00Z\n'],
  )
})
