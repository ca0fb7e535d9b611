/**
 * Writes to an audit log until it is killed: `node audit-writer.ts DIR FIRST`. Entries are numbered from
 * FIRST; a number is printed when its entry is on the disk.
 */

import { writeSync } from 'node:fs'
import { openLog } from '../audit-log.ts'

/** Entries under way at a time. */
const AT_A_TIME = 32

const [directory = '', first = '0'] = process.argv.slice(2)
const { writer } = await openLog(directory)
let n = Number(first)

function writeNext(): void {
  const number = n
  n += 1
  const entry = { type: 'call.attempted', atWallMs: Date.now(), body: { n: number } } as const
  writer.addDurably([entry], (isDurable) => {
    if (!isDurable) throw new Error('an entry was refused')
    // Written at once, so that no acknowledgement is lost with the process.
    writeSync(1, `${number}\n`)
    writeNext()
  })
}

for (let i = 0; i < AT_A_TIME; i += 1) writeNext()
