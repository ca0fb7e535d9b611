/** Messages as lines (MCP stdio transport: a message holds no line feed). */

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20

/**
 * A message as one line, without a line feed. Outside strings JSON may hold line breaks, inside it cannot; each becomes a
 * space, so that no value changes. Carriage returns too: some servers read them as line ends.
 */
export function toLine(message: Buffer): Buffer {
  const last = message.length - 1
  const bare = message[last] === LF ? message.subarray(0, last) : message
  if (!bare.includes(LF) && !bare.includes(CR)) return bare
  const line = Buffer.from(bare)
  for (let i = 0; i < line.length; i += 1) {
    if (line[i] === LF || line[i] === CR) line[i] = SPACE
  }
  return line
}
