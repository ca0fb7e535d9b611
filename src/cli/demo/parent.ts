/**
 * A demo process's tie to the demo that started it.
 *
 * The IPC channel is the life line: it closes however the demo ends, `kill -9` included, and the
 * process ends with it. So no run of the demo leaves anything behind.
 */

/** What the demo tells its processes. */
export type Order =
  | {
      readonly kind: 'work'
      readonly everythingUrl: string
      readonly libraryUrl: string
      readonly callsPerSecond: number
      readonly seed: number
    }
  | { readonly kind: 'stop' }

/** What a process tells the demo: that it works, and on which port if it listens. */
export interface ReadyReport {
  readonly kind: 'ready'
  readonly port: number | undefined
}

/** Ends this process when the demo is gone. Called first, before anything slow. */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit(0))
  // The demo may have died while this process was loading: then nobody will tell.
  if (!process.connected) process.exit(0)
}

export function reportReady(port: number | undefined): void {
  const report: ReadyReport = { kind: 'ready', port }
  process.send?.(report)
}

export function onOrder(take: (order: Order) => void): void {
  process.on('message', (message: unknown) => {
    if (isOrder(message)) take(message)
  })
}

/** The demo alone can write to the channel, so the kind of its messages says enough. */
function isOrder(message: unknown): message is Order {
  if (typeof message !== 'object' || message === null || !('kind' in message)) return false
  return message.kind === 'work' || message.kind === 'stop'
}
