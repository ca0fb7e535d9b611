/**
 * What authentication costs a request: `node bench/auth.ts [--write FILE]`.
 *
 * Known: a token that was verified before, with the headers of an ordinary client. Verified: one that
 * was not, per algorithm. Refused: what strangers send. CPU time of this process, best and median of
 * the rounds.
 */

import { writeFileSync } from 'node:fs'
import { describeMachine, loadAverage } from './machine.ts'
import { createRig, factsOf, type Rig } from '../test/auth/rig.ts'
import { makeSigner } from '../test/support/signer.ts'

const KNOWN_CALLS = 100_000
const VERIFIED_CALLS = 1_000
const ROUNDS = 9

interface Figures {
  readonly best: number
  readonly median: number
}

async function rounds(calls: number, work: (calls: number) => unknown): Promise<Figures> {
  await work(calls)
  const us: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = process.cpuUsage()
    // oxlint-disable-next-line no-await-in-loop -- rounds are measured one after the other
    await work(calls)
    const { user, system } = process.cpuUsage(before)
    us.push((user + system) / calls)
  }
  us.sort((a, b) => a - b)
  return { best: us[0] ?? 0, median: us[ROUNDS >> 1] ?? 0 }
}

/** As the official client sends them. */
function headersWith(authorization: string): string[] {
  return [
    'host',
    '127.0.0.1:8420',
    'connection',
    'keep-alive',
    'authorization',
    authorization,
    'content-type',
    'application/json',
    'accept',
    'application/json, text/event-stream',
    'mcp-protocol-version',
    '2026-07-28',
    'mcp-method',
    'tools/call',
    'mcp-name',
    'echo',
    'accept-language',
    '*',
    'sec-fetch-mode',
    'cors',
    'user-agent',
    'node',
    'accept-encoding',
    'gzip, deflate',
    'content-length',
    '181',
  ]
}

async function known(rig: Rig): Promise<Figures> {
  // About a thousand characters, as tokens of real issuers have.
  const token = await rig.token({ claims: { pad: 'x'.repeat(450) } })
  await rig.ask(token)
  const request = factsOf(headersWith(`Bearer ${token}`))
  return rounds(KNOWN_CALLS, (calls) => {
    for (let i = 0; i < calls; i += 1) {
      rig.cached.length = 0
      if (rig.authenticator.authenticate(request).kind !== 'authenticated') throw new Error('new')
    }
  })
}

async function verified(algorithm: string): Promise<Figures> {
  const rig = await createRig({ signer: await makeSigner(algorithm, 'first'), cacheMax: 1 })
  const tokens = await Promise.all(
    Array.from({ length: VERIFIED_CALLS }, (_, i) => rig.token({ claims: { jti: String(i) } })),
  )
  return rounds(VERIFIED_CALLS, async () => {
    rig.cached.length = 0
    await Promise.all(tokens.map((token) => rig.ask(token)))
  })
}

async function refused(authorization: string): Promise<Figures> {
  const rig = await createRig()
  const headers = headersWith(authorization)
  return rounds(VERIFIED_CALLS, async (calls) => {
    rig.refusals = []
    for (let i = 0; i < calls; i += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await rig.askWith(headers)
    }
  })
}

const rig = await createRig()
const stranger = await makeSigner('ES256', 'first')
const before = loadAverage()
const result = {
  known: await known(rig),
  verified: {
    RS256: await verified('RS256'),
    PS256: await verified('PS256'),
    ES256: await verified('ES256'),
    EdDSA: await verified('EdDSA'),
  },
  refused: {
    noThreeParts: await refused('Bearer x'),
    wrongAlgorithm: await refused(
      `Bearer ${(await rig.token()).replace(/^[^.]+/, Buffer.from('{"alg":"HS256"}').toString('base64url'))}`,
    ),
    wrongSignature: await refused(`Bearer ${await rig.token({}, stranger)}`),
  },
}
const text = JSON.stringify(
  {
    unit: 'us of CPU per request',
    node: process.version,
    machine: describeMachine(),
    loadAverage: { before, after: loadAverage() },
    ...result,
  },
  null,
  2,
)
console.log(text)
const file = process.argv[process.argv.indexOf('--write') + 1]
if (process.argv.includes('--write') && file !== undefined) writeFileSync(file, `${text}\n`)
