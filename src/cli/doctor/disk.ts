/** Whether the audit log can be written: its directory, the room there, and how fast the disk is. */

import path from 'node:path'
import type { Config } from '../../config/schema.ts'
import { sizeOf } from '../units.ts'
import type { Effects } from './effects.ts'
import { fail, ok, warn, type Finding } from './finding.ts'

/** Strict calls wait for the disk; beyond this it is felt. */
const SLOW_MS = 50

export async function checkDisk({ audit }: Config, effects: Effects): Promise<readonly Finding[]> {
  if (audit === undefined) return []
  const directory = await existing(path.resolve(audit.dir), effects)
  const missing = directory !== path.resolve(audit.dir)
  const subject = missing ? `${audit.dir} (to be made in ${directory})` : audit.dir
  const free = await effects.freeBytes(directory)
  const needed = sizeOf(audit.freeSpace) + sizeOf(audit.segmentBytes)
  const findings: Finding[] = [await written(subject, directory, effects)]
  if (free !== undefined) {
    const found = `${megabytes(free)} free`
    findings.push(
      free < needed
        ? fail(
            'disk',
            subject,
            found,
            `make room for ${megabytes(needed)} (audit.freeSpace and one segment), or nothing is recorded`,
          )
        : ok('disk', subject, found),
    )
  }
  return findings
}

async function written(subject: string, directory: string, effects: Effects): Promise<Finding> {
  const result = await effects.writeThrough(directory)
  if (typeof result === 'string') {
    const advice = 'let the user of the sidecar write there, or choose another audit.dir'
    return fail('disk', subject, `cannot be written (${result})`, advice)
  }
  const took = `a write reaches the disk in ${result.toFixed(1)} ms`
  return result > SLOW_MS
    ? warn('disk', subject, took, 'use a faster volume, above all with audit.mode: strict')
    : ok('disk', subject, took)
}

/** The directory, or the nearest one above it that there is. */
async function existing(directory: string, effects: Effects): Promise<string> {
  const found = await effects.look(directory)
  const parent = path.dirname(directory)
  return found === 'ENOENT' && parent !== directory ? existing(parent, effects) : directory
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / (1024 * 1024))} MiB`
}
