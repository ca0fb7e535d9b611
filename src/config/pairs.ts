/**
 * Lists such as `name=value,other=value`, percent-encoded, as `OTEL_EXPORTER_OTLP_HEADERS` and
 * `OTEL_RESOURCE_ATTRIBUTES` hold them (OpenTelemetry specification, "Resource SDK").
 */

/** Undefined when the text is no such list. */
export function readPairs(text: string): ReadonlyMap<string, string> | undefined {
  const pairs = new Map<string, string>()
  for (const part of text.split(',')) {
    if (part.trim() === '') continue
    const at = part.indexOf('=')
    const name = decode(part.slice(0, Math.max(at, 0)))
    const value = decode(part.slice(at + 1))
    if (name === undefined || name === '' || value === undefined) return undefined
    pairs.set(name, value)
  }
  return pairs
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.trim())
  } catch {
    return undefined
  }
}
