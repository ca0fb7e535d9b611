import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { BatchQueue, type BatchQueueOptions } from '../../src/telemetry/batch-queue.ts'

interface Harness {
  readonly queue: BatchQueue<Buffer>
  /** Sizes of the batches that were sent. */
  readonly sent: number[]
  readonly dropped: [reason: string, count: number][]
  /** Ends the oldest export that is under way. */
  readonly finish: (sent: boolean) => Promise<void>
}

function harness(t: TestContext, given: Partial<BatchQueueOptions<Buffer>> = {}): Harness {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const sent: number[] = []
  const dropped: [string, number][] = []
  const pending: ((sent: boolean) => void)[] = []
  const queue = new BatchQueue<Buffer>({
    itemsMax: 10,
    batchMax: 4,
    delayMs: 1_000,
    exportTimeoutMs: 5_000,
    send: (spans) => {
      sent.push(spans.length)
      return new Promise((resolve) => pending.push((ok) => resolve(ok ? 0 : spans.length)))
    },
    onDropped: (reason, count) => dropped.push([reason, count]),
    ...given,
  })
  const finish = async (ok: boolean): Promise<void> => {
    pending.shift()?.(ok)
    await settled()
  }
  return { queue, sent, dropped, finish }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve()
}

function add(queue: BatchQueue<Buffer>, count: number): void {
  for (let i = 0; i < count; i += 1) queue.add(Buffer.from('span'))
}

describe('The queue of spans', () => {
  it('sends what waits after the delay', (t) => {
    const { queue, sent } = harness(t)
    add(queue, 3)
    assert.deepEqual(sent, [])
    t.mock.timers.tick(999)
    assert.deepEqual(sent, [])
    t.mock.timers.tick(1)
    assert.deepEqual(sent, [3])
  })

  it('sends a full batch at once, and one at a time', async (t) => {
    const { queue, sent, finish } = harness(t)
    add(queue, 9)
    assert.deepEqual(sent, [4])
    await finish(true)
    assert.deepEqual(sent, [4, 4])
    await finish(true)
    assert.deepEqual(sent, [4, 4])
    t.mock.timers.tick(1_000)
    assert.deepEqual(sent, [4, 4, 1])
  })

  it('drops the newest when it is full, and says how many', (t) => {
    const { queue, dropped } = harness(t)
    add(queue, 4 + 10 + 2)
    assert.equal(queue.size, 10)
    assert.deepEqual(dropped, [
      ['queue_full', 1],
      ['queue_full', 1],
    ])
  })

  it('counts a batch that the collector did not take', async (t) => {
    const { queue, dropped, finish } = harness(t)
    add(queue, 4)
    await finish(false)
    assert.deepEqual(dropped, [['export_failed', 4]])
  })

  it('goes on after an export that never ends', async (t) => {
    const { queue, sent, dropped } = harness(t)
    add(queue, 8)
    t.mock.timers.tick(5_000)
    await settled()
    assert.deepEqual(dropped, [['export_failed', 4]])
    assert.deepEqual(sent, [4, 4])
  })

  it('sends everything when it closes, and takes no more', async (t) => {
    const { queue, sent, dropped, finish } = harness(t)
    add(queue, 6)
    const closed = queue.close()
    await finish(true)
    await finish(true)
    await closed
    assert.deepEqual(sent, [4, 2])
    add(queue, 1)
    assert.deepEqual(dropped, [['queue_full', 1]])
  })

  it('sends full batches also when fewer spans may wait than a batch holds', (t) => {
    const { queue, sent, dropped } = harness(t, { itemsMax: 2 })
    add(queue, 2)
    assert.deepEqual(sent, [2])
    assert.deepEqual(dropped, [])
  })
})
