/**
 * Decodes a copy of a compressed reply, so that its outcome can be read; the client gets the
 * original bytes. Work and memory are bounded: past `DECODED_BYTES_MAX` the copy is dropped and the
 * calls in it count as answered.
 */

import { PassThrough, type Transform } from 'node:stream'
import zlib from 'node:zlib'

export interface DecodeTee {
  /** False when the copy lags behind; `onDrain` tells when it has caught up. */
  write(chunk: Buffer): boolean
  /** No more bytes; `done` is called when all of them are decoded. */
  end(done: (readable: boolean) => void): void
  onDrain(resume: () => void): void
  /** Frees the decoder at once. */
  drop(): void
}

const DECODED_BYTES_MAX = 64 * 1024 * 1024

/** Largest window of zstd that is decoded, 8 MiB (RFC 9659); larger ones cost memory, not time. */
const ZSTD_WINDOW_LOG_MAX = 23

/** Most codings of one reply; real ones have one. */
const CODINGS_MAX = 3

/** A decoder for a `Content-Encoding`; undefined when none is needed, `unreadable` when unknown. */
export function createDecodeTee(
  contentEncoding: string | undefined,
  onData: (chunk: Buffer) => void,
): DecodeTee | undefined | 'unreadable' {
  if (contentEncoding === undefined) return undefined
  const codings = contentEncoding
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity')
  if (codings.length === 0) return undefined
  if (codings.length > CODINGS_MAX || !codings.every(isKnown)) return 'unreadable'
  // The coding that was applied last is taken off first.
  return tee(codings.toReversed(), onData)
}

function tee(codings: readonly string[], onData: (chunk: Buffer) => void): DecodeTee {
  let decoders: Transform[] = []
  let decoded = 0
  let ended: 'no' | 'whole' | 'broken' | 'too_large' = 'no'
  let onEnd: ((readable: boolean) => void) | undefined
  let onCaughtUp: (() => void) | undefined
  const end = (how: 'whole' | 'broken' | 'too_large'): void => {
    if (ended !== 'no') return
    ended = how
    for (const decoder of decoders) decoder.destroy()
    onCaughtUp?.()
    // What cannot be decoded is judged by what was decoded of it: usually as no valid answer.
    onEnd?.(how !== 'too_large')
  }
  const start = (first: Buffer): Transform => {
    const made = codings.map((coding) => decoderOf(coding, first))
    decoders = made
    for (const [index, decoder] of made.entries()) {
      decoder.on('error', () => end('broken'))
      const next = made[index + 1]
      if (next !== undefined) decoder.pipe(next)
    }
    const [head = new PassThrough()] = made
    head.on('drain', () => onCaughtUp?.())
    const last = made.at(-1) ?? head
    last.on('data', (chunk: Buffer) => {
      decoded += chunk.length
      if (decoded > DECODED_BYTES_MAX) end('too_large')
      else onData(chunk)
    })
    last.on('end', () => end('whole'))
    return head
  }
  let head: Transform | undefined
  return {
    write: (chunk) => {
      if (ended !== 'no' || chunk.length === 0) return true
      head ??= start(chunk)
      return head.write(chunk)
    },
    end: (done) => {
      onEnd = done
      if (ended !== 'no') done(ended !== 'too_large')
      else if (head === undefined) end('whole')
      else head.end()
    },
    onDrain: (resume) => {
      onCaughtUp = resume
    },
    drop: () => {
      onEnd = undefined
      end('broken')
    },
  }
}

function isKnown(coding: string): boolean {
  return ['gzip', 'x-gzip', 'deflate', 'br', 'zstd'].includes(coding)
}

/** `first` are the first bytes to decode: `deflate` comes with a zlib header or, wrongly, without. */
function decoderOf(coding: string, first: Buffer): Transform {
  // Flushing at every write keeps event streams readable event by event.
  const finishFlush = zlib.constants.Z_SYNC_FLUSH
  switch (coding) {
    case 'br':
      return zlib.createBrotliDecompress()
    case 'zstd':
      return zlib.createZstdDecompress({
        params: { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
      })
    case 'deflate':
      return ((first[0] ?? 0) & 0x0f) === 8
        ? zlib.createInflate({ finishFlush })
        : zlib.createInflateRaw({ finishFlush })
    default:
      return zlib.createGunzip({ finishFlush })
  }
}
