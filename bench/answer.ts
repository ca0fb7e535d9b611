/** What every load generator of our own makes of an answer. */

import type { LoadErrors, LoadOrder } from './messages.ts'

/** The answer to this id as it must be, or what is wrong with it. */
export function judgeAnswer(
  { bodyBytes, bodySlack }: LoadOrder,
  head: string,
  body: Buffer,
  id: number,
): 'right' | keyof LoadErrors {
  if (!head.startsWith('HTTP/1.1 200')) return 'status'
  const over = body.length - bodyBytes
  return over >= 0 && over <= bodySlack && body.includes(`"id":${id}`) ? 'right' : 'content'
}
