/** What a test and its puppet process say to each other: a kind, a length and bytes. */

import type { Socket } from 'node:net'

const KINDS = [
  // From the process.
  'hello',
  'stdin',
  'end',
  'wrote',
  'signal',
  'produced',
  // To the process.
  'stdout',
  'stderr',
  'exit',
  'stubborn',
  'produce',
  // Both ways: the order, and the answer.
  'grandchild',
] as const

export type FrameKind = (typeof KINDS)[number]

const HEAD_BYTES = 5

export function writeFrame(socket: Socket, kind: FrameKind, bytes: Buffer): void {
  if (socket.destroyed) return
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt8(KINDS.indexOf(kind), 0)
  head.writeUInt32BE(bytes.length, 1)
  socket.write(Buffer.concat([head, bytes]))
}

export function readFrames(
  socket: Socket,
  onFrame: (kind: FrameKind, bytes: Buffer) => void,
): void {
  let pieces: Buffer[] = []
  let have = 0
  let wanted = HEAD_BYTES
  socket.on('data', (chunk: Buffer) => {
    pieces.push(chunk)
    have += chunk.length
    if (have < wanted) return
    let received = Buffer.concat(pieces)
    wanted = HEAD_BYTES
    while (received.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + received.readUInt32BE(1)
      wanted = end
      if (received.length < end) break
      const kind = KINDS[received.readUInt8(0)]
      if (kind !== undefined) onFrame(kind, received.subarray(HEAD_BYTES, end))
      received = received.subarray(end)
      wanted = HEAD_BYTES
    }
    pieces = [received]
    have = received.length
  })
}
