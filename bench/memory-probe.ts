/**
 * Loaded beside the sidecar of a soak: says what memory it has when the run asks, as it is (`memory`), or
 * after everything that can be collected was (`memory_collected`).
 */

import type { Memory } from './messages.ts'

function read(): Memory {
  const { rss, heapUsed, external } = process.memoryUsage()
  return { kind: 'memory', rssBytes: rss, heapBytes: heapUsed, externalBytes: external }
}

if (process.send !== undefined) {
  process.on('message', (message) => {
    if (message === 'memory') process.send?.(read())
    if (message !== 'memory_collected') return
    // What finalizers let go of is collected by the second.
    globalThis.gc?.()
    globalThis.gc?.()
    process.send?.(read())
  })
  process.channel?.unref()
}
