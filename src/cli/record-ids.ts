/** Ids that join the records of one call, unique in the whole log: 72 random bits. */

import { randomBytes } from 'node:crypto'

const ID_BYTES = 9

/** Made at a time: asking the system takes longer than everything else about an id. */
const IDS = 256

export function createRecordIds(): () => string {
  let random = Buffer.alloc(0)
  let at = 0
  return () => {
    if (at === random.length) {
      random = randomBytes(ID_BYTES * IDS)
      at = 0
    }
    at += ID_BYTES
    return random.toString('base64url', at - ID_BYTES, at)
  }
}
