/** How replies are watched: what reads them, and how many bytes of results it may keep. */

import type { CallObserver } from '../core/observer.ts'
import { createDecodeTee } from '../mcp/decode-tee.ts'
import { ReplyScanners } from '../mcp/reply-scanners.ts'
import { watchReply, watchStream } from '../mcp/reply-watch.ts'
import type { Stages } from '../pipeline/stages.ts'
import { createBudget } from './capture-budget.ts'

export function createReplyWatching(
  observer: CallObserver,
): Pick<Stages, 'watchReply' | 'watchStream' | 'decodeTee'> {
  const budget = createBudget(observer)
  const scanners = new ReplyScanners()
  return {
    watchReply: (head, messages, onOutcome, wanted, speech) => {
      const captures = wanted === undefined ? undefined : { wanted, budget }
      return watchReply(head, messages, onOutcome, captures, speech, scanners)
    },
    watchStream: (head, awaited, speech) => watchStream(head, awaited, budget, speech),
    decodeTee: createDecodeTee,
  }
}
