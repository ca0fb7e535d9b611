/** Keeps the events of one session, so that a client that comes back gets what it missed. */

import type { EventStore, JSONRPCMessage } from '@modelcontextprotocol/server'

interface StoredEvent {
  readonly stream: string
  readonly message: JSONRPCMessage
}

export class MemoryEventStore implements EventStore {
  readonly #events = new Map<string, StoredEvent>()

  async storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    const id = `${stream}_${this.#events.size}`
    this.#events.set(id, { stream, message })
    return id
  }

  async getStreamIdForEventId(id: string): Promise<string | undefined> {
    return this.#events.get(id)?.stream
  }

  async replayEventsAfter(
    lastEventId: string,
    { send }: { send: (id: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const stream = this.#events.get(lastEventId)?.stream ?? ''
    const missed = [...this.#events].slice([...this.#events.keys()].indexOf(lastEventId) + 1)
    for (const [id, event] of missed) {
      // The event that primes a stream is stored too; it holds no message.
      if (event.stream === stream && 'jsonrpc' in event.message) await send(id, event.message)
    }
    return stream
  }
}
