/** The files that authentication reads. */

import { readFileSync } from 'node:fs'
import { WatchedFile } from '../auth/watched-file.ts'
import type { Log } from '../core/log.ts'
import type { StartFailure } from './parts.ts'

/** A file whose problems and changes are told in the log. */
export function watchFile(
  path: string,
  bytesMax: number,
  log: Log,
  use: (text: string) => string | undefined,
  onLost?: () => void,
): WatchedFile {
  return new WatchedFile({
    path,
    bytesMax,
    use,
    onLost,
    onProblem: (problem) =>
      log.write(
        'warn',
        'sidelight.auth.file_unreadable',
        onLost === undefined
          ? 'A file of authentication cannot be used; what it said last stays in force'
          : 'A file of authentication cannot be used; if it stays so, what it said last does not hold',
        { 'file.path': path, 'sidelight.detail': problem },
      ),
    onChange: () =>
      log.write('info', 'sidelight.auth.file_reloaded', 'A file of authentication was read again', {
        'file.path': path,
      }),
  })
}

export function fileFailure(key: string, path: string, problem: string): StartFailure {
  return { kind: 'failed', what: 'auth', address: path, code: `${key}: ${problem}` }
}

/** A file that is read at the start alone. */
export function readOnce(key: string, path: string): string | StartFailure {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    return fileFailure(key, path, code)
  }
}
