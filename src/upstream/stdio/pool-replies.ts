/** Replies that no process gives. */

import type { Flight, ReplySink, TransportFailure } from '../transport.ts'
import { jsonHeaders } from './framing.ts'
import { noDiscover } from './message-bytes.ts'

export const NO_FLIGHT: Flight = { abort: () => {}, resume: () => {} }

/** The server was gone before it took a message that has no answer to wait for. */
export const NOT_TAKEN: TransportFailure = {
  reason: 'process_exit',
  sent: true,
  stale: false,
  detail: 'not taken',
}

export function refuse(sink: ReplySink, detail: string): Flight {
  sink.failed({ reason: 'process_exit', sent: false, stale: false, detail })
  return NO_FLIGHT
}

export function refuseProbe(idRaw: string, sink: ReplySink): Flight {
  const body = noDiscover(idRaw)
  sink.head(404, 'Not Found', jsonHeaders(body.length))
  sink.data(body)
  sink.end()
  return NO_FLIGHT
}
