/**
 * Decodes a copy of a compressed reply, so that its outcome can be read; the client gets the
 * original bytes. Work and memory are bounded: past `DECODED_BYTES_MAX` the copy is dropped and the
 * calls in it count as answered.
 */

import type { Transform } from 'node:stream'
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

/** A decoder for a `Content-Encoding`; undefined when none is needed, `unreadable` when unknown. */
export function createDecodeTee(
  contentEncoding: string | undefined,
  onData: (chunk: Buffer) => void,
): DecodeTee | undefined | 'unreadable' {
  const coding = contentEncoding?.trim().toLowerCase()
  if (coding === undefined || coding === '' || coding === 'identity') return undefined
  const decoder = decoderOf(coding)
  return decoder === undefined ? 'unreadable' : tee(decoder, onData)
}

function tee(decoder: Transform, onData: (chunk: Buffer) => void): DecodeTee {
  let decoded = 0
  let broken = false
  let onEnd: ((readable: boolean) => void) | undefined
  let onCaughtUp: (() => void) | undefined
  const finish = (): void => {
    const done = onEnd
    onEnd = undefined
    done?.(!broken)
  }
  const breakOff = (): void => {
    broken = true
    decoder.destroy()
    onCaughtUp?.()
    finish()
  }
  decoder.on('data', (chunk: Buffer) => {
    decoded += chunk.length
    if (decoded > DECODED_BYTES_MAX) breakOff()
    else onData(chunk)
  })
  decoder.on('drain', () => onCaughtUp?.())
  decoder.on('end', finish)
  decoder.on('error', breakOff)
  return {
    write: (chunk) => broken || decoder.write(chunk),
    end: (done) => {
      onEnd = done
      if (broken) finish()
      else decoder.end()
    },
    onDrain: (resume) => {
      onCaughtUp = resume
    },
    drop: () => {
      onEnd = undefined
      broken = true
      decoder.destroy()
    },
  }
}

function decoderOf(coding: string): Transform | undefined {
  // Flushing at every write keeps event streams readable event by event.
  const finishFlush = zlib.constants.Z_SYNC_FLUSH
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return zlib.createGunzip({ finishFlush })
    case 'deflate':
      return zlib.createInflate({ finishFlush })
    case 'br':
      return zlib.createBrotliDecompress()
    case 'zstd':
      return zlib.createZstdDecompress()
    default:
      return undefined
  }
}
