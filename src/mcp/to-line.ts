/** Messages as lines (MCP stdio transport: a message holds no line feed). */

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20

/**
 * A message as one line. Outside strings JSON may hold line breaks, inside it cannot; each becomes a
 * space, so that no value changes. Carriage returns too: some servers read them as line ends.
 */
export function toLine(message: Buffer): Buffer {
  if (!message.includes(LF) && !message.includes(CR)) return message
  const line = Buffer.from(message)
  for (let i = 0; i < line.length; i += 1) {
    if (line[i] === LF || line[i] === CR) line[i] = SPACE
  }
  return line
}
