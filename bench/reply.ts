/** The bytes of replies that both the upstream and the load must know. */

export const EVENT_OPEN = 'event: message\ndata: '
export const EVENT_CLOSE = '\n\n'

/** The events before the result: a server that says how far it is. */
export function progressEvents(events: number): readonly string[] {
  return Array.from({ length: events - 1 }, (_, at) => {
    const progress = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"bench","progress":${at + 1}}}`
    return EVENT_OPEN + progress + EVENT_CLOSE
  })
}

/** Length of the whole body of a reply. */
export function bodyBytesOf(shape: {
  readonly form: 'json' | 'sse'
  readonly messageBytes: number
  readonly events: number
}): number {
  if (shape.form === 'json') return shape.messageBytes
  const before = progressEvents(shape.events).reduce((sum, event) => sum + event.length, 0)
  return before + EVENT_OPEN.length + shape.messageBytes + EVENT_CLOSE.length
}
