/** Who calls, as it stands in records: made once for each sender, session and address. */

import type { Exchange } from '../core/exchange.ts'
import type { Principal } from '../core/principal.ts'
import type { ByteText } from './byte-text.ts'
import { showAddress, type AddressRule } from './describe-call.ts'
import type { HmacKey } from './digests.ts'
import { hashSession } from './hash-arguments.ts'
import { bytesText, member } from './json-text.ts'
import { Person } from './person.ts'

/** Names of each kind that are remembered; all of them come from clients. */
const REMEMBERED_MAX = 4_096

/** Somebody who sends, and the session that the token names as a member of `who`. */
export interface Sender {
  readonly person: Person
  readonly tokenSession: string
}

const NOBODY_KNOWN: Sender = {
  person: new Person({
    verified: false,
    party: undefined,
    organization: undefined,
    actors: [],
  }),
  tokenSession: '',
}

export class Callers {
  readonly #hashesKey: HmacKey
  readonly #addressRule: AddressRule
  readonly #senders = new WeakMap<Principal, Sender>()
  readonly #claimed = new Map<string, Sender>()
  // As JSON members, each with a comma before it; a character for each byte.
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

  senderOf({ principal, ownerKey }: Exchange): Sender {
    if (principal !== undefined) return this.#verified(principal)
    if (ownerKey === undefined) return NOBODY_KNOWN
    return remembered(this.#claimed, ownerKey, claimedBy)
  }

  /** Writes from where they call, as the end of the member `who`. */
  writeFrom(
    { sessionId, clientAddress }: Exchange,
    { person, tokenSession }: Sender,
    to: ByteText,
  ): void {
    const session =
      sessionId === undefined ? '' : remembered(this.#sessions, sessionId, this.#sessionMember)
    const address =
      clientAddress === undefined
        ? ''
        : remembered(this.#addresses, clientAddress, this.#addressMember)
    // The first member of all has no comma before it.
    to.ascii(person.isNobody ? `${session}${tokenSession}${address}`.slice(1) : session)
    if (!person.isNobody) {
      to.ascii(tokenSession)
      to.ascii(address)
    }
    to.ascii('}')
  }

  readonly #sessionMember = (id: string): string =>
    bytesText(member('session', hashSession(this.#hashesKey, 'mcp', id)))

  readonly #addressMember = (address: string): string =>
    bytesText(member('address', showAddress(address, this.#addressRule)))

  #verified(principal: Principal): Sender {
    const found = this.#senders.get(principal)
    if (found !== undefined) return found
    const { issuer, subject, organization, actors, sessionId } = principal
    const sender = {
      person: new Person({ verified: true, party: { issuer, subject }, organization, actors }),
      tokenSession:
        sessionId === undefined
          ? ''
          : bytesText(member('tokenSession', hashSession(this.#hashesKey, 'token', sessionId))),
    }
    this.#senders.set(principal, sender)
    return sender
  }
}

function claimedBy(subject: string): Sender {
  const party = { issuer: undefined, subject }
  const person = new Person({ verified: false, party, organization: undefined, actors: [] })
  return { person, tokenSession: '' }
}

function remembered<T>(known: Map<string, T>, key: string, make: (key: string) => T): T {
  const found = known.get(key)
  if (found !== undefined) return found
  const made = make(key)
  if (known.size >= REMEMBERED_MAX) known.clear()
  known.set(key, made)
  return made
}
