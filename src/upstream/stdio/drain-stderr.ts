/** What a server writes to its standard error, which must always be read or the server stops. */

import { LineSplitter } from '../../mcp/line-splitter.ts'

/** What is kept of one line on standard error. */
const STDERR_BYTES_MAX = 4 * 1024

/** Hands standard error on in lines. Returns what to call for the last one, which no line feed ends. */
export function drainStderr(
  stderr: NodeJS.ReadableStream,
  sink: { stderr(text: string): void },
): () => void {
  let long: Buffer | undefined
  const lines = new LineSplitter(STDERR_BYTES_MAX, {
    line: (bytes) => sink.stderr(bytes.toString('utf8').trimEnd()),
    longPart: (bytes) => {
      long ??= Buffer.from(bytes.subarray(0, STDERR_BYTES_MAX))
    },
    longEnd: () => {
      sink.stderr(`${long?.toString('utf8') ?? ''}…`)
      long = undefined
    },
  })
  stderr.on('data', (chunk: Buffer) => lines.write(chunk))
  stderr.on('error', () => {})
  return () => lines.end()
}
