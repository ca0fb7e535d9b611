/** What the system says of processes, and programs for tests that do to their parents what servers do. */

import { execFile, type ExecFileException } from 'node:child_process'
import { waitFor } from './wait-for.ts'

export interface ProcessRow {
  readonly pid: number
  readonly parent: number
  readonly group: number
  /** As ps writes it; `Z` in front for one that has ended and that nobody waits for. */
  readonly state: string
}

/** All processes there are, by pid. */
export async function listProcesses(): Promise<ReadonlyMap<number, ProcessRow>> {
  const text = await ps(['-A', '-o', 'pid=,ppid=,pgid=,stat='])
  const rows = text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns.length === 4)
    .map(([pid, parent, group, state = '']) => ({
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      state,
    }))
  return new Map(rows.map((row) => [row.pid, row]))
}

/**
 * Resolves when none of the processes is there any more, not even as a zombie. What has ended as an
 * orphan is up to init, which takes its time.
 */
export async function allGone(pids: readonly number[], within: number): Promise<void> {
  await waitFor(
    async () => {
      const all = await listProcesses()
      const isLeftToInit = (row: ProcessRow): boolean =>
        row.state.startsWith('Z') && row.parent === 1
      return pids.every((pid) => {
        const row = all.get(pid)
        return row === undefined || isLeftToInit(row)
      })
    },
    { within, what: `the end of the processes ${pids.join(', ')}` },
  )
}

/** Ends what a failed test left behind. */
export async function killAll(pids: readonly number[]): Promise<void> {
  const all = await listProcesses()
  for (const pid of pids) if (all.has(pid)) process.kill(pid, 'SIGKILL')
}

/** The children of a process, and theirs. */
export async function descendantsOf(pid: number): Promise<readonly number[]> {
  const all = [...(await listProcesses()).values()]
  const found = new Set([pid])
  for (;;) {
    const more = all.filter((row) => found.has(row.parent) && !found.has(row.pid))
    if (more.length === 0) break
    for (const row of more) found.add(row.pid)
  }
  found.delete(pid)
  return [...found]
}

function ps(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('ps', args, (error: ExecFileException | null, stdout) => {
      if (error === null) resolve(stdout)
      else reject(error)
    })
  })
}

/**
 * A shell script of a server that ignores the end of its input and SIGTERM, and so does what it has
 * started. It answers its first line with `result`, in which $$ is its pid and $! that of its child.
 */
export const STUBBORN = `
trap '' TERM
(while :; do sleep 1; done) &
read -r line
printf '{"jsonrpc":"2.0","id":0,"result":{"pids":[%d,%d]}}\\n' $$ $!
while :; do sleep 1; done
`
