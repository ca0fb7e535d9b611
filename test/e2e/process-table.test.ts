/** The processes of one upstream: how many there are, how they end, and what is told of it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogFields } from '../../src/core/log.ts'
import type { TransportFailure } from '../../src/upstream/transport.ts'
import {
  ProcessTable,
  type HostedProcess,
  type ProcessUse,
} from '../../src/upstream/stdio/process-table.ts'
import { Watchdog } from '../../src/upstream/stdio/watchdog.ts'
import { FakeClock } from '../pipeline/fakes.ts'
import { allGone } from '../support/processes.ts'
import { closeAfterTest } from '../support/scope.ts'
import { bounded, SOON, waitFor } from '../support/wait-for.ts'

interface User {
  /** Kind and method or id of each message. */
  readonly messages: string[]
  readonly lost: string[]
  readonly ends: TransportFailure[]
  readonly host: HostedProcess
}

class Scene {
  readonly clock = new FakeClock()
  /** `started`, `ended crashed`, `dropped noise`, `limit line`, in order. */
  readonly told: string[] = []
  readonly logged: { readonly event: string; readonly fields: LogFields | undefined }[] = []
  readonly table: ProcessTable

  constructor(script: string, options: { readonly file?: string; readonly max?: number } = {}) {
    const tell = (what: string): void => void this.told.push(what)
    const watchdog = new Watchdog({ onMissing: (code) => assert.fail(code) })
    this.table = new ProcessTable({
      name: 'up',
      command: {
        file: options.file ?? '/bin/sh',
        args: ['-c', script],
        env: { PATH: '/usr/bin:/bin' },
        cwd: undefined,
      },
      processesMax: options.max ?? 10,
      lineBytesMax: 1_000,
      clock: this.clock,
      log: {
        enabled: () => true,
        write: (_level, event, _body, fields) => void this.logged.push({ event, fields }),
      },
      observer: {
        processStarted: (name) => tell(`${name} started`),
        processRestarted: () => {},
        processEnded: (name, how) => tell(`${name} ended ${how}`),
        lineDropped: (name, why) => tell(`${name} dropped ${why}`),
        sessionEnded: () => assert.fail('a table knows no sessions'),
        limitHit: (limit) => tell(`limit ${limit}`),
      },
      watchdog,
    })
    closeAfterTest(async () => {
      await this.table.close()
      watchdog.close()
    })
  }

  start(verdict: 'crash' | 'probe' = 'crash', use: ProcessUse = 'shared'): User {
    const seen = { messages: [] as string[], lost: [] as string[], ends: [] as TransportFailure[] }
    const host = this.table.start(use, {
      received: (line, { kind, method, id, start, end }) => {
        const text = line.subarray(start, end).toString()
        assert.ok(text.startsWith('{') && text.endsWith('}'), text)
        seen.messages.push(`${kind} ${method}${id?.raw ?? ''}`)
      },
      lost: (key, failure) => seen.lost.push(`${key} ${failure.reason}`),
      ended: (failure) => {
        seen.ends.push(failure)
        return verdict
      },
    })
    if ('reason' in host) return assert.fail(host.reason)
    return { ...seen, host }
  }

  startLater(use: ProcessUse, waitMs: number): User {
    this.clock.now += waitMs
    return this.start('crash', use)
  }

  /** Why no process is started now; undefined when one would be. */
  refusal(use: ProcessUse = 'shared'): string | undefined {
    const host = this.table.start(use, {
      received: () => {},
      lost: () => {},
      ended: () => 'crash',
    })
    return 'reason' in host ? host.reason : undefined
  }

  async ended({ ends }: User): Promise<TransportFailure> {
    return waitFor(() => ends[0], { within: SOON, what: 'the end of a process' })
  }
}

test('what a server says reaches its user in messages, and what is no message is counted', async () => {
  const lines = [
    'Listening on stdio',
    '{"id":1,"result":{}}',
    '',
    '[{"method":"a"},{"id":2,"method":"b"}]',
    '{"broken":',
    '{"id":"x","error":{"code":1}}',
  ]
  const scene = new Scene(`printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')}`)
  const user = scene.start()
  await scene.ended(user)
  assert.deepEqual(user.messages, ['response 1', 'notification a', 'request b2', 'response "x"'])
  const noise = scene.told.filter((what) => what === 'up dropped noise')
  assert.equal(noise.length, 3)
})

test('an answer that is longer than a line may be is lost, and its request is named', async () => {
  const scene = new Scene(
    `x=$(printf '%2000s' x); printf '{"id":7,"result":"%s"}\\n' "$x"; printf '{"result":"%s","id":"a"}\\n' "$x"; printf '{"method":"m","params":"%s"}\\n' "$x"; printf '{"id":8,"result":1}\\n'`,
  )
  const user = scene.start()
  await scene.ended(user)
  assert.deepEqual(user.lost, ['n7 bad_message', 'sa bad_message'])
  assert.deepEqual(user.messages, ['response 8'])
  assert.deepEqual(
    scene.told.filter((what) => !what.startsWith('up ended')),
    [
      'up started',
      ...Array.from({ length: 3 }, () => ['up dropped too_long', 'limit line']).flat(),
    ],
  )
})

test('a server that ends by itself is counted by its exit, and its user told', async () => {
  const rows = [
    ['exit 0', 'exited', 'exit 0'],
    ['exit 7', 'crashed', 'exit 7'],
    ['kill -9 $$', 'crashed', 'exit SIGKILL'],
  ] as const
  for (const [script, how, detail] of rows) {
    const scene = new Scene(script)
    const failure = await scene.ended(scene.start())
    const { incident, ...rest } = failure
    assert.deepEqual(rest, { reason: 'process_exit', sent: true, stale: false, detail })
    assert.equal(typeof incident, 'number')
    assert.deepEqual(scene.told, ['up started', `up ended ${how}`])
    const [record] = scene.logged
    assert.equal(record?.event, 'sidelight.process.ended')
    assert.equal(record.fields?.['sidelight.upstream.name'], 'up')
  }
})

test('a program that cannot be started is counted, and nothing of a call was sent', async () => {
  const scene = new Scene('', { file: '/nonexistent/sidelight' })
  const failure = await scene.ended(scene.start())
  assert.deepEqual(failure, { reason: 'connect', sent: false, stale: false, detail: 'ENOENT' })
  assert.deepEqual(scene.told, ['up started', 'up ended not_started'])
  assert.equal(scene.refusal(), 'restarting too often')
})

test('a server that crashes is not started again at once, and later is', async () => {
  const scene = new Scene('exit 1')
  for (const waitMs of [250, 500, 1_000]) {
    await scene.ended(scene.start())
    scene.clock.now += waitMs - 1
    assert.equal(scene.refusal(), 'restarting too often')
    scene.clock.now += 1
  }
  assert.equal(scene.refusal(), undefined)
})

test('while a server has to wait, its clients are told so, and for how long', async () => {
  const scene = new Scene('exit 1')
  assert.equal(scene.table.checkRoom('session'), undefined)
  await scene.ended(scene.start('crash', 'session'))
  await scene.ended(scene.startLater('session', 250))
  scene.clock.now += 100
  assert.deepEqual(scene.table.checkRoom('session'), {
    kind: 'rejected',
    reason: 'restarting',
    message: 'the processes of the upstream fail as soon as they are started',
    retryAfterMs: 400,
  })
  assert.equal(scene.table.checkRoom('shared'), undefined, 'they may know how to serve these')
  scene.clock.now += 400
  assert.equal(scene.table.checkRoom('session'), undefined)
})

const ANSWERS_ONCE = `printf '{"id":0,"result":{}}\\n'; read -r line; exit 0`

test('a process of a session that has answered is no reason to wait when it ends', async () => {
  const scene = new Scene(ANSWERS_ONCE)
  for (let i = 0; i < 8; i += 1) {
    const user = scene.start('crash', 'session')
    await waitFor(() => user.messages.length > 0, { within: SOON, what: 'an answer' })
    user.host.write(Buffer.from('go'))
    await scene.ended(user)
    assert.equal(scene.refusal('session'), undefined, `end ${i}`)
    await scene.table.close()
  }
})

test('a shared process that has answered is a reason to wait, unless it ran for 10 s', async () => {
  const scene = new Scene(ANSWERS_ONCE)
  for (const [ranMs, waits] of [
    [9_999, true],
    [10_000, false],
  ] as const) {
    const user = scene.start()
    await waitFor(() => user.messages.length > 0, { within: SOON, what: 'an answer' })
    scene.clock.now += ranMs
    user.host.write(Buffer.from('go'))
    await scene.ended(user)
    assert.equal(scene.table.checkRoom('shared') !== undefined, waits, `ran ${ranMs} ms`)
    scene.clock.now += 1_000
  }
})

test('a server that ended because it was probed may be started again at once', async () => {
  const scene = new Scene('exit 1')
  await scene.ended(scene.start('probe'))
  assert.deepEqual(scene.told, ['up started', 'up ended probe'])
  assert.deepEqual(scene.logged, [])
  assert.equal(scene.refusal(), undefined)
})

test('a server that was asked to end has not crashed, whatever its exit code', async () => {
  const scene = new Scene('while read -r line; do :; done; exit 9')
  const user = scene.start()
  await bounded(user.host.stop(), { within: SOON, what: 'the end of a process' })
  assert.deepEqual(scene.told, ['up started', 'up ended stopped'])
  assert.equal(user.ends.length, 1, 'its user is told all the same')
  assert.equal(scene.refusal(), undefined)
})

test('there are as many processes as there may be, and room again when one has ended', async () => {
  const scene = new Scene('while read -r line; do :; done', { max: 2 })
  const users = [scene.start(), scene.start()]
  assert.equal(scene.table.full, true)
  assert.deepEqual(scene.table.checkRoom('session'), {
    kind: 'rejected',
    reason: 'at_capacity',
    message: 'the upstream runs as many processes as its key "processes" allows',
    limit: 'processes',
  })
  await users[0]?.host.stop()
  assert.equal(scene.table.full, false)
  assert.equal(scene.table.checkRoom('session'), undefined)
})

test('closing the table ends every process', async () => {
  const scene = new Scene('while read -r line; do :; done')
  const pids = [scene.start(), scene.start(), scene.start()].map(({ host }) => host.pid ?? 0)
  await bounded(scene.table.close(), { within: SOON, what: 'the end of all processes' })
  await allGone(pids, SOON)
  assert.equal(scene.told.filter((what) => what === 'up ended stopped').length, 3)
})

test('what a server writes to its standard error is logged with its pid, blank lines are not', async () => {
  const scene = new Scene(`printf 'one\\n\\n  \\ntwo' >&2; read -r line`)
  const { host } = scene.start()
  await waitFor(() => scene.logged.length > 0, { within: SOON, what: 'the log' })
  await host.stop()
  const records = scene.logged.filter(({ event }) => event === 'sidelight.process.stderr')
  assert.deepEqual(
    records.map(({ fields }) => fields),
    ['one', 'two'].map((text) => ({
      'sidelight.upstream.name': 'up',
      'process.pid': host.pid,
      'sidelight.process.text': text,
    })),
  )
})
