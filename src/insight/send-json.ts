/** Sends JSON to receivers of alerts, with Node's `fetch`. */

import type { SendJson } from './delivery.ts'

/** A receiver that takes longer is tried again. */
const TIMEOUT_MS = 10_000

export const sendJson: SendJson = async (url, headers, body, signal) => {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body,
      // A receiver's credentials are not for wherever it points to.
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    })
    await response.body?.cancel()
    return response.ok ? { kind: 'sent' } : { kind: 'failed', error: String(response.status) }
  } catch (error) {
    return { kind: 'failed', error: codeOf(error) }
  }
}

/** The system's code; never the address or what was sent. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const { cause } = error
  if (error.name === 'TimeoutError') return 'timeout'
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return error.name
}
