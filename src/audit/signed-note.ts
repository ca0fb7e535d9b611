/**
 * Checkpoints of the log as C2SP writes them (c2sp.org/tlog-checkpoint): a signed note
 * (c2sp.org/signed-note) that says how many records there are and what their Merkle root is. Signed with
 * Ed25519.
 */

import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'

export interface Checkpoint {
  /** Which log it is of. */
  readonly origin: string
  /** Records in it. */
  readonly size: number
  /** RFC 6962 root over them. */
  readonly root: Buffer
}

/** Signature type of Ed25519 in C2SP's signed notes. */
const ED25519 = 1

const KEY_ID_BYTES = 4

/** DER of an Ed25519 public key up to the 32 bytes of the key itself (RFC 8410 §4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

export interface NoteSigner {
  readonly name: string
  readonly privateKey: KeyObject
  /** Stands before each signature. */
  readonly id: Buffer
}

export interface NoteVerifier {
  readonly name: string
  readonly publicKey: KeyObject
}

function rawKey(publicKey: KeyObject): Buffer {
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length)
}

function keyId(name: string, publicKey: KeyObject): Buffer {
  return createHash('sha256')
    .update(`${name}\n`)
    .update(Buffer.from([ED25519]))
    .update(rawKey(publicKey))
    .digest()
    .subarray(0, KEY_ID_BYTES)
}

/** The name under which a log with this key signs: new keys, another log. */
export function originOf(publicKey: KeyObject): string {
  return `sidelight-audit-${createHash('sha256').update(rawKey(publicKey)).digest('hex').slice(0, 16)}`
}

/** Signs under a name. */
export function signerOf(name: string, privateKey: KeyObject): NoteSigner {
  return { name, privateKey, id: keyId(name, createPublicKey(privateKey)) }
}

export function signCheckpoint({ origin, size, root }: Checkpoint, signer: NoteSigner): string {
  const text = `${origin}\n${size}\n${root.toString('base64')}\n`
  const signature = sign(null, Buffer.from(text), signer.privateKey)
  const signed = Buffer.concat([signer.id, signature])
  return `${text}\n— ${signer.name} ${signed.toString('base64')}\n`
}

/** The checkpoint, if one of its signatures is by `verifier`; what else it says may be anything. */
export function openCheckpoint(note: string, verifier: NoteVerifier): Checkpoint | undefined {
  const end = note.lastIndexOf('\n\n')
  if (end < 0) return undefined
  const text = note.slice(0, end + 1)
  const signatures = note.slice(end + 2).split('\n')
  return signatures.some((line) => isSigned(text, line, verifier)) ? readBody(text) : undefined
}

function isSigned(text: string, line: string, { name, publicKey }: NoteVerifier): boolean {
  const [dash, signer, encoded = ''] = line.split(' ')
  if (dash !== '—' || signer !== name) return false
  const bytes = Buffer.from(encoded, 'base64')
  if (!bytes.subarray(0, KEY_ID_BYTES).equals(keyId(name, publicKey))) return false
  return verify(null, Buffer.from(text), publicKey, bytes.subarray(KEY_ID_BYTES))
}

function readBody(text: string): Checkpoint | undefined {
  const [origin = '', size = '', root = ''] = text.split('\n')
  if (!/^(?:0|[1-9]\d{0,15})$/.test(size)) return undefined
  const hash = Buffer.from(root, 'base64')
  return hash.length === 32 ? { origin, size: Number(size), root: hash } : undefined
}

/** The public key as C2SP's tools take it: `<name>+<key id>+<type and key>`. */
export function formatVerifier({ name, publicKey }: NoteVerifier): string {
  const key = Buffer.concat([Buffer.from([ED25519]), rawKey(publicKey)]).toString('base64')
  return `${name}+${keyId(name, publicKey).toString('hex')}+${key}`
}

/** Undefined when the text is no such key. */
export function parseVerifier(text: string): NoteVerifier | undefined {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim()) ?? []
  const bytes = Buffer.from(encoded ?? '', 'base64')
  if (name === undefined || bytes.length !== 33 || bytes[0] !== ED25519) return undefined
  const der = Buffer.concat([SPKI_PREFIX, bytes.subarray(1)])
  const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' })
  return keyId(name, publicKey).toString('hex') === id ? { name, publicKey } : undefined
}
