/** What a reply, or the lack of one, says about a call. */

import type { Message } from '../core/message.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Slot } from './json-shape.ts'
import { readError } from './read-error.ts'
import { REPLY } from './shapes.ts'

/** Why a body that ended holds no answer. */
export type NoAnswer = 'bad_message' | 'closed' | 'suspended'

/** A reply that carries the call's id (or, for a lone call, an error that carries none). */
export function outcomeOfReply(slots: readonly Slot[], message: Message, status: number): Outcome {
  if (status >= 500) return { kind: 'upstream_failed', reason: 'http_5xx', sent: true, status }
  if (slots[REPLY.error]?.type === 'object') return outcomeOfError(slots, status)
  if (status >= 300) return { kind: 'upstream_status', status }
  const resultType = slots[REPLY.resultType]?.text()
  if (resultType === 'input_required') return { kind: 'input_required' }
  if (resultType === 'task' || isTask(slots, message)) return { kind: 'task' }
  const failed = message.method === 'tools/call' && slots[REPLY.isError]?.type === 'true'
  return failed ? { kind: 'tool_error' } : { kind: 'ok' }
}

/** 2025-11-25: the request asked to be run as a task, and a task is what came back. */
function isTask(slots: readonly Slot[], message: Message): boolean {
  return message.asksTask && slots[REPLY.task]?.type === 'object'
}

function outcomeOfError(slots: readonly Slot[], status: number): Outcome {
  const { code, message } = readError(slots[REPLY.errorCode], slots[REPLY.errorMessage])
  if (code === undefined) {
    // An `error` that is not JSON-RPC's, such as OAuth's: then the status says what happened.
    return status >= 300
      ? { kind: 'upstream_status', status }
      : { kind: 'upstream_failed', reason: 'bad_message', sent: true }
  }
  return message === undefined ? { kind: 'rpc_error', code } : { kind: 'rpc_error', code, message }
}

/** The status alone, when the body held no answer to this message. */
export function outcomeOfStatus(status: number, message: Message, why: NoAnswer): Outcome {
  if (status >= 500) return { kind: 'upstream_failed', reason: 'http_5xx', sent: true, status }
  if (status >= 300) return { kind: 'upstream_status', status }
  if (message.kind !== 'request') return { kind: 'ok' }
  return { kind: 'upstream_failed', reason: why === 'bad_message' ? why : 'closed', sent: true }
}
