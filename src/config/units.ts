/** Durations, sizes and addresses as people write them in a configuration file. */

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/
const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Milliseconds; undefined when the text is no duration such as `30s` or `500ms`. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text.trim())
  return match === null ? undefined : Number(match[1]) * (DURATION_MS[match[2] ?? ''] ?? 1)
}

const SIZE = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)$/
const SIZE_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
}

/** Bytes; undefined when the text is no size such as `16MiB`. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text.trim())
  return match === null
    ? undefined
    : Math.floor(Number(match[1]) * (SIZE_BYTES[match[2] ?? ''] ?? 1))
}

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** `host:port`, `[v6]:port` or `:port` (every address); undefined when it is none of them. */
export function parseAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]*)):(\d{1,5})$/i.exec(text.trim())
  const port = Number(match?.[3])
  if (match === null || port > 65_535) return undefined
  const host = match[1] ?? match[2] ?? ''
  return { host: host === '' ? '0.0.0.0' : host, port }
}

export function formatAddress(address: ListenAddress): string {
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`
}
