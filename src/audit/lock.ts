/**
 * One writer for a directory. The lock is the kernel's (SQLite takes it with `fcntl`), so it goes with the
 * process, however that ends, and holds between containers that share a volume.
 */

import { DatabaseSync } from 'node:sqlite'

export interface Lock {
  release(): void
}

/** `held` when another writer has it; otherwise the reason why it cannot be taken. */
export function takeLock(path: string): Lock | { readonly kind: 'held' | 'failed'; code: string } {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: 0 })
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    const held = error instanceof Error && /database is locked/.test(error.message)
    return held ? { kind: 'held', code: 'locked' } : { kind: 'failed', code: messageOf(error) }
  }
  const locked = database
  return {
    release: () => {
      if (locked.isOpen) locked.close()
    },
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
