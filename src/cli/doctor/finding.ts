/** What `sidelight doctor` found, and how it is printed. */

export type Level = 'ok' | 'warn' | 'fail'

export interface Finding {
  /** What was looked at: `config`, `port`, `upstream`, and so on. */
  readonly check: string
  /** Which one of them: an address, a name, a path. */
  readonly subject: string
  readonly level: Level
  /** What was found, in a few words. */
  readonly found: string
  /** What to do about it; undefined when there is nothing to do. */
  readonly advice: string | undefined
}

export function ok(check: string, subject: string, found: string): Finding {
  return { check, subject, level: 'ok', found, advice: undefined }
}

export function warn(check: string, subject: string, found: string, advice: string): Finding {
  return { check, subject, level: 'warn', found, advice }
}

export function fail(check: string, subject: string, found: string, advice: string): Finding {
  return { check, subject, level: 'fail', found, advice }
}

export interface Report {
  /** False when something failed. */
  readonly ok: boolean
  readonly findings: readonly Finding[]
}

export function reportOf(findings: readonly Finding[]): Report {
  return { ok: findings.every(({ level }) => level !== 'fail'), findings }
}

const INDENT = ' '.repeat(6)

/** Lines for people; what to do stands below what was found. */
export function formatReport({ findings }: Report): string {
  const lines = findings.map(({ check, subject, level, found, advice }) => {
    const head = `${level.padEnd(6)}${check.padEnd(10)}${subject}: ${found}`
    return advice === undefined ? head : `${head}\n${INDENT}-> ${advice}`
  })
  const count = (wanted: Level): number => findings.filter(({ level }) => level === wanted).length
  const summary = `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed`
  return `${lines.join('\n')}\n${summary}\n`
}
