/** The keys of a log, each in a file of its own: one is destroyed by destroying its file. */

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto'
import { join } from 'node:path'
import { codeOf, writeNew, type AuditFs } from './audit-fs.ts'
import { formatVerifier, originOf, signerOf, type NoteSigner } from './signed-note.ts'

export interface AuditKeys {
  /** Of the chain of records. */
  readonly chain: Buffer
  /** Of hashes of arguments, sessions and subjects' file names. */
  readonly hashes: Buffer
  readonly signer: NoteSigner
  /** Where subjects' own keys are. */
  readonly subjects: string
}

export const KEY_FILES = {
  chain: 'chain.key',
  hashes: 'hashes.key',
  signing: 'signing.pem',
  public: 'checkpoint.pub',
  subjects: 'subjects',
} as const

/** A key that is needed and not there, or is no key. */
export interface KeyFailure {
  readonly kind: 'key_failure'
  readonly file: string
  readonly problem: string
}

const KEY_BYTES = 32

/** `mayCreate` is false where a log exists that was written with a key that must be there. */
export async function loadKeys(
  fs: AuditFs,
  directory: string,
  mayCreate: boolean,
): Promise<AuditKeys | KeyFailure> {
  const subjects = join(directory, KEY_FILES.subjects)
  await fs.makeDirectory(subjects)
  const chain = await secretKey(fs, join(directory, KEY_FILES.chain), mayCreate)
  if ('kind' in chain) return chain
  // When it was destroyed, what was hashed with it can be told by nobody; a new one begins.
  const hashes = await secretKey(fs, join(directory, KEY_FILES.hashes), true)
  if ('kind' in hashes) return hashes
  const privateKey = await signingKey(fs, join(directory, KEY_FILES.signing), mayCreate)
  if ('kind' in privateKey) return privateKey
  const publicKey = createPublicKey(privateKey)
  const name = originOf(publicKey)
  const publicFile = join(directory, KEY_FILES.public)
  const publicText = `${formatVerifier({ name, publicKey })}\n`
  const found = await readKey(fs, publicFile)
  if (found !== publicText) {
    // Another one there would check nothing that is signed from now on.
    if (found !== undefined) await fs.remove(publicFile)
    await writeNew(fs, publicFile, publicText)
  }
  await fs.syncDirectory(directory)
  return { chain, hashes, signer: signerOf(name, privateKey), subjects }
}

/** The key in a file as hexadecimal digits; a new one when there is none and it may be made. */
export async function secretKey(
  fs: AuditFs,
  file: string,
  mayCreate: boolean,
): Promise<Buffer | KeyFailure> {
  const text = await readKey(fs, file)
  if (text === undefined) {
    if (!mayCreate) return missing(file)
    const key = randomBytes(KEY_BYTES)
    await writeNew(fs, file, `${key.toString('hex')}\n`)
    return key
  }
  return /^[0-9a-f]{64}$/.test(text.trim())
    ? Buffer.from(text.trim(), 'hex')
    : { kind: 'key_failure', file, problem: 'expected 64 hexadecimal digits' }
}

async function signingKey(
  fs: AuditFs,
  file: string,
  mayCreate: boolean,
): Promise<KeyObject | KeyFailure> {
  const text = await readKey(fs, file)
  if (text === undefined) {
    if (!mayCreate) return missing(file)
    const { privateKey } = generateKeyPairSync('ed25519')
    await writeNew(fs, file, privateKey.export({ format: 'pem', type: 'pkcs8' }))
    return privateKey
  }
  try {
    const key = createPrivateKey(text)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // Said below: what the file holds is not repeated.
  }
  return { kind: 'key_failure', file, problem: 'expected an Ed25519 private key in PEM (PKCS 8)' }
}

async function readKey(fs: AuditFs, file: string): Promise<string | undefined> {
  try {
    return (await fs.read(file)).toString('utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function missing(file: string): KeyFailure {
  return {
    kind: 'key_failure',
    file,
    problem:
      'it is missing, and the log that is there was written with it; bring it back, or begin in another directory',
  }
}
