/** Reads HTTP/1.1 messages from exact bytes, so that tests can compare what really was sent. */

export interface Head {
  /** Request line or status line. */
  readonly startLine: string
  /** Names and values in turn, exactly as they came, read as Latin-1. */
  readonly rawHeaders: readonly string[]
  /** The bytes up to and including the blank line. */
  readonly bytes: Buffer
}

/** What a body's framing says, and what of it is here. */
export interface Body {
  readonly complete: boolean
  /** The body's bytes without chunk framing. */
  readonly bytes: Buffer
  /** How many bytes of the input belong to this message's body, framing included. */
  readonly consumed: number
}

const HEAD_END = Buffer.from('\r\n\r\n')

export function readHead(input: Buffer): Head | undefined {
  const end = input.indexOf(HEAD_END)
  if (end < 0) return undefined
  const [startLine = '', ...lines] = input.toString('latin1', 0, end).split('\r\n')
  const rawHeaders = lines.flatMap((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  return { startLine, rawHeaders, bytes: input.subarray(0, end + HEAD_END.length) }
}

/** Every value of a header, by name in any case. */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name.toLowerCase()) values.push(rawHeaders[i + 1] ?? '')
  }
  return values
}

/** Headers without the given ones, as `name: value` lines in their order. */
export function linesWithout(rawHeaders: readonly string[], names: readonly string[]): string[] {
  const lines: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (!names.includes(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[i + 1] ?? ''}`)
  }
  return lines
}

/** `until_close`: a reply without framing ends with its connection. */
export function readBody(head: Head, input: Buffer, otherwise: 'none' | 'until_close'): Body {
  const coding = valuesOf(head.rawHeaders, 'transfer-encoding').join(',').toLowerCase()
  if (coding.includes('chunked')) return readChunked(input)
  const length = valuesOf(head.rawHeaders, 'content-length')[0]
  if (length === undefined) {
    return otherwise === 'none'
      ? { complete: true, bytes: Buffer.alloc(0), consumed: 0 }
      : { complete: false, bytes: input, consumed: input.length }
  }
  const bytes = input.subarray(0, Number(length))
  return { complete: bytes.length === Number(length), bytes, consumed: bytes.length }
}

function readChunked(input: Buffer): Body {
  const pieces: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = input.indexOf('\r\n', at)
    if (lineEnd < 0) break
    const size = Number.parseInt(input.toString('latin1', at, lineEnd), 16)
    const from = lineEnd + 2
    if (size === 0) {
      const end = input.indexOf('\r\n', from)
      if (end < 0) break
      return { complete: true, bytes: Buffer.concat(pieces), consumed: end + 2 }
    }
    if (input.length < from + size + 2) {
      pieces.push(input.subarray(from, from + size))
      break
    }
    pieces.push(input.subarray(from, from + size))
    at = from + size + 2
  }
  return { complete: false, bytes: Buffer.concat(pieces), consumed: input.length }
}
