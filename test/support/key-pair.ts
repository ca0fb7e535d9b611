/** Certificates that nobody else trusts. */

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { temporaryDirectory } from './temporary-directory.ts'

export interface KeyPair {
  readonly certFile: string
  readonly keyFile: string
  readonly cert: Buffer
  readonly key: Buffer
}

/** A self-signed certificate for 127.0.0.1; Node cannot sign any, so the openssl program does. */
export async function newKeyPair(name: string): Promise<KeyPair> {
  const directory = await temporaryDirectory()
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  const curve = '-newkey ec -pkeyopt ec_paramgen_curve:P-256'
  const request = `req -x509 -nodes -days 2 ${curve} -addext subjectAltName=IP:127.0.0.1`
  await promisify(execFile)('openssl', [
    ...request.split(' '),
    '-subj',
    `/CN=${name}`,
    '-out',
    certFile,
    '-keyout',
    keyFile,
  ])
  const [cert, key] = [await readFile(certFile), await readFile(keyFile)]
  return { certFile, keyFile, cert, key }
}
