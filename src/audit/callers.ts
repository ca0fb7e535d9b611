/** Who calls, as it stands in records: made once for each sender, session and address. */

import type { Exchange } from '../core/exchange.ts'
import type { Principal } from '../core/principal.ts'
import { showAddress, type AddressRule } from './describe-call.ts'
import type { HmacKey } from './digests.ts'
import { hashSession } from './hash-arguments.ts'
import { member } from './json-text.ts'
import { Person } from './person.ts'

/** Names of each kind that are remembered; all of them come from clients. */
const REMEMBERED_MAX = 4_096

/** An authenticated sender. */
interface Sender {
  readonly person: Person
  readonly tokenSession: string
}

const NOBODY_KNOWN = new Person({
  verified: false,
  party: undefined,
  organization: undefined,
  actors: [],
})

export class Callers {
  readonly #hashesKey: HmacKey
  readonly #addressRule: AddressRule
  readonly #senders = new WeakMap<Principal, Sender>()
  readonly #claimed = new Map<string, Person>()
  readonly #sessions = new Map<string, string>()
  readonly #addresses = new Map<string, string>()

  constructor(hashesKey: HmacKey, addressRule: AddressRule) {
    this.#hashesKey = hashesKey
    this.#addressRule = addressRule
  }

  /** True when it has been asked for them before; verified again, they are others. */
  knows(principal: Principal): boolean {
    return this.#senders.has(principal)
  }

  personOf({ principal, ownerKey }: Exchange): Person {
    if (principal !== undefined) return this.#senderOf(principal).person
    if (ownerKey === undefined) return NOBODY_KNOWN
    return remembered(this.#claimed, ownerKey, claimedBy)
  }

  /** From where they call, as the end of the member `who`. */
  fromOf(exchange: Exchange): string {
    const { principal, sessionId, clientAddress } = exchange
    const session =
      sessionId === undefined ? '' : remembered(this.#sessions, sessionId, this.#sessionMember)
    const tokenSession = principal === undefined ? '' : this.#senderOf(principal).tokenSession
    const address =
      clientAddress === undefined
        ? ''
        : remembered(this.#addresses, clientAddress, this.#addressMember)
    return this.personOf(exchange).end(`${session}${tokenSession}${address}`)
  }

  readonly #sessionMember = (id: string): string =>
    member('session', hashSession(this.#hashesKey, 'mcp', id))

  readonly #addressMember = (address: string): string =>
    member('address', showAddress(address, this.#addressRule))

  #senderOf(principal: Principal): Sender {
    const found = this.#senders.get(principal)
    if (found !== undefined) return found
    const { issuer, subject, organization, actors, sessionId } = principal
    const sender = {
      person: new Person({ verified: true, party: { issuer, subject }, organization, actors }),
      tokenSession:
        sessionId === undefined
          ? ''
          : member('tokenSession', hashSession(this.#hashesKey, 'token', sessionId)),
    }
    this.#senders.set(principal, sender)
    return sender
  }
}

function claimedBy(subject: string): Person {
  const party = { issuer: undefined, subject }
  return new Person({ verified: false, party, organization: undefined, actors: [] })
}

function remembered<T>(known: Map<string, T>, key: string, make: (key: string) => T): T {
  const found = known.get(key)
  if (found !== undefined) return found
  const made = make(key)
  if (known.size >= REMEMBERED_MAX) known.clear()
  known.set(key, made)
  return made
}
