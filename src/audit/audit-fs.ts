/** The file system as the audit log uses it. Tests pass one that fails. */

import { constants } from 'node:fs'
import * as fs from 'node:fs/promises'

export interface AuditFile {
  /** How many of the bytes were written, from the first on: it may be fewer than all. */
  write(bytes: Buffer): Promise<number>
  /** Resolves when what was written is on the disk (`fdatasync`). */
  datasync(): Promise<void>
  truncate(length: number): Promise<void>
  /** False when the file was removed or renamed, or another one stands at its path. */
  isAt(path: string): Promise<boolean>
  close(): Promise<void>
}

export interface AuditFs {
  /** Makes a new file that only its owner may read, to be appended to; fails when there is one. */
  create(path: string): Promise<AuditFile>
  /** Opens a file to append to it; it is made when there is none. */
  append(path: string): Promise<AuditFile>
  /** The directory, and those above it; only its owner may look into it. */
  makeDirectory(path: string): Promise<void>
  names(directory: string): Promise<readonly string[]>
  read(path: string): Promise<Buffer>
  remove(path: string): Promise<void>
  /** Makes sure that names in a directory are on the disk. */
  syncDirectory(path: string): Promise<void>
  /** Bytes that may still be written to the file system of a path. */
  free(path: string): Promise<number>
}

const APPEND_NEW = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT

/** Files and directories are their owner's alone. */
const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

export const systemFs: AuditFs = {
  create: async (path) => wrap(await fs.open(path, APPEND_NEW, FILE_MODE)),
  append: async (path) => wrap(await fs.open(path, APPEND, FILE_MODE)),
  makeDirectory: async (path) => {
    await fs.mkdir(path, { recursive: true, mode: DIRECTORY_MODE })
  },
  names: (directory) => fs.readdir(directory),
  read: (path) => fs.readFile(path),
  remove: (path) => fs.unlink(path),
  syncDirectory: async (path) => {
    const directory = await fs.open(path, constants.O_RDONLY)
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  },
  free: async (path) => {
    const { bavail, bsize } = await fs.statfs(path)
    return bavail * bsize
  },
}

function wrap(handle: fs.FileHandle): AuditFile {
  return {
    write: async (bytes) => (await handle.write(bytes)).bytesWritten,
    datasync: () => handle.datasync(),
    truncate: (length) => handle.truncate(length),
    isAt: async (path) => {
      const own = await handle.stat()
      try {
        const there = await fs.stat(path)
        return there.ino === own.ino && there.dev === own.dev
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return false
        throw error
      }
    },
    close: () => handle.close(),
  }
}

/** Writes all of it, however often the file takes only a part. */
export async function writeWhole(file: AuditFile, bytes: Buffer): Promise<void> {
  let rest = bytes
  while (rest.length > 0) {
    const written = await file.write(rest)
    // A file that takes nothing and reports no failure would be asked for ever.
    if (written <= 0) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' })
    rest = rest.subarray(written)
  }
}

/** Adds a line to a file, made when there is none; on the disk when it resolves. */
export async function appendLine(fs_: AuditFs, path: string, line: Buffer): Promise<void> {
  const file = await fs_.append(path)
  try {
    await writeWhole(file, line)
    await file.datasync()
  } finally {
    await file.close().catch(() => {})
  }
}

/** A new file with this content, on the disk when it resolves; a broken start is removed. */
export async function writeNew(fs_: AuditFs, path: string, content: string): Promise<void> {
  const file = await fs_.create(path)
  try {
    await writeWhole(file, Buffer.from(content))
    await file.datasync()
  } catch (error) {
    await fs_.remove(path).catch(() => {})
    throw error
  } finally {
    await file.close().catch(() => {})
  }
}

/** The system's code of a failure, such as `ENOSPC`. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : 'failed'
}
