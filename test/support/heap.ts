/** How much is held in memory. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')

/** Bytes of the heap that are still used when all garbage is collected. */
export function heapHeld(): number {
  if (typeof collect === 'function') collect()
  return process.memoryUsage().heapUsed
}

/** Bytes of buffers that are still held when all garbage is collected. */
export function buffersHeld(): number {
  // What the first finds is given back beside it; the second waits for that.
  for (let i = 0; i < 2; i += 1) if (typeof collect === 'function') collect()
  return process.memoryUsage().arrayBuffers
}

/** By how many megabytes the heap grows when this is done with 512 heads of 30,000 characters that begin so. */
export function heldOfHeads(begin: (n: number) => string, take: (head: string) => void): number {
  const before = heapHeld()
  for (let n = 0; n < 512; n += 1) take(Buffer.alloc(30_000, begin(n)).toString('latin1'))
  return (heapHeld() - before) / 1e6
}
