/** An account of one call in sentences, for people and for agents that ask why. */

import type { CallPhases, RecentCall } from '../../insight/views.ts'

const PHASE_WORDS: readonly (readonly [keyof CallPhases, string])[] = [
  ['readMs', 'reading the request'],
  ['authMs', 'checking who sent it'],
  ['queueMs', 'waiting for a place or a connection'],
  ['connectMs', 'making a connection'],
  ['waitMs', 'waiting for the first answer of the upstream'],
  ['bodyMs', 'the rest of the answer'],
  ['otherMs', 'earlier attempts, and Sidelight itself'],
]

const COUNTS_WORDS: Readonly<Record<RecentCall['counts'], string>> = {
  good: 'It counts as a success.',
  error: 'It counts as an error, but not against availability.',
  unavailable: 'It counts against the availability of the upstream.',
  excluded: 'It counts neither for nor against the upstream.',
}

export function explainCall(call: RecentCall): readonly string[] {
  const what = call.target === undefined ? call.method : `${call.method} of ${call.target}`
  return [
    `${what} at ${call.upstream} took ${inWords(call.durationMs)}.`,
    outcomeSentence(call),
    COUNTS_WORDS[call.counts],
    attemptsSentence(call),
    ...longest(call),
  ]
}

function outcomeSentence({ outcome, reason }: RecentCall): string {
  const because = reason === undefined ? '' : ` (${reason})`
  switch (outcome) {
    case 'ok':
      return 'The upstream answered.'
    case 'input_required':
      return 'The upstream asked for more input; the client comes back with it.'
    case 'task':
      return 'The upstream took it on as a task that runs on.'
    case 'tool_error':
      return 'The tool ran and reported a failure (isError): the upstream itself is well.'
    case 'rpc_error':
      return `The upstream answered with a JSON-RPC error${because}.`
    case 'upstream_failed':
      return `The upstream failed${because}.`
    case 'upstream_status':
      return `The upstream answered with an HTTP status that is no answer to the call${because}.`
    case 'rejected':
      return `Sidelight refused it${because}; the upstream never saw it.`
    case 'cancelled':
      return 'The client left or took it back before the answer came.'
    case 'internal':
      return 'A defect of Sidelight ended it; the log has the details.'
  }
}

function attemptsSentence({ attempts }: RecentCall): string {
  if (attempts === 0) return 'Nothing was sent to the upstream.'
  return attempts === 1 ? 'It was sent once.' : `It was sent ${attempts} times.`
}

/** Where most of the time went, when one phase stands out. */
function longest({ phases, durationMs }: RecentCall): readonly string[] {
  const [most] = PHASE_WORDS.map(([key, words]) => ({ ms: phases[key], words })).sort(
    (a, b) => b.ms - a.ms,
  )
  if (most === undefined || durationMs <= 0 || most.ms < durationMs / 2) return []
  const share = Math.round((most.ms / durationMs) * 100)
  return [`${share} % of the time (${inWords(most.ms)}) went into ${most.words}.`]
}

function inWords(ms: number): string {
  return ms < 1_000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1_000).toFixed(2)} s`
}
