/** Clients that are programs: run as their users run them, with a home directory of their own. */

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { closeAfterTest } from '../support/scope.ts'

/** The longest a program may take; it is killed then. */
const RUN_WITHIN = 20_000

export interface Ran {
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program on this Node to its end. */
export function runProgram(args: readonly string[], home: string): Promise<Ran> {
  const env = { PATH: process.env['PATH'], HOME: home, NO_COLOR: '1' }
  return new Promise((resolve) => {
    const options = { env, timeout: RUN_WITHIN, killSignal: 'SIGKILL' } as const
    const child = execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? String(error.signal)), stdout, stderr })
    })
    child.stdin?.end()
  })
}

/** A home directory that is gone after the test. */
export async function makeHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'sidelight-client-'))
  closeAfterTest(() => rm(home, { recursive: true, force: true }))
  return home
}
