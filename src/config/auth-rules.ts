/** What the keys under `auth` have to be, seen together with each other and with `listen`. */

import { isTrustedUrl } from './auth-schema.ts'
import type { ConfigProblem, LineAt } from './read-yaml.ts'
import type { Config } from './schema.ts'
import { parseAddress } from './units.ts'

const LOOPBACK = /^(localhost|::1|127(\.\d+){3})$/

export function findAuthProblem(config: Config, lineAt: LineAt): ConfigProblem | undefined {
  const found = findMode(config) ?? findIssuer(config) ?? findAdmin(config)
  if (found === undefined) return undefined
  const [path, message] = found
  return { path: path.join('.'), line: lineAt(path), message }
}

type Found = readonly [path: readonly (string | number)[], message: string]

function findMode({ auth, listen }: Config): Found | undefined {
  const host = parseAddress(listen.data)?.host ?? ''
  const loopback = LOOPBACK.test(host)
  if (auth.mode === 'off' && !loopback && !auth.allowUnauthenticated) {
    const message =
      'this is no loopback address, and nobody is authenticated: set auth.mode: required and auth.issuers; or, if something else keeps strangers away, auth.allowUnauthenticated: true (--allow-unauthenticated)'
    return [['listen', 'data'], message]
  }
  if (auth.mode === 'dev-hs256' && !loopback) {
    const message =
      'dev-hs256 is for trying out, on loopback: everybody who can check such a token can make one'
    return [['auth', 'mode'], message]
  }
  if (auth.mode === 'dev-hs256' && auth.dev.secret === undefined) {
    return [['auth', 'dev', 'secret'], 'missing; dev-hs256 needs it, at least 32 bytes']
  }
  if (auth.mode === 'required' && auth.issuers.length === 0) {
    return [['auth', 'issuers'], 'expected at least one issuer with auth.mode: required']
  }
  return undefined
}

function findIssuer({ auth }: Config): Found | undefined {
  const known = new Set<string>()
  for (const [index, { issuer, jwks }] of auth.issuers.entries()) {
    if (known.has(issuer)) {
      return [['auth', 'issuers', index, 'issuer'], 'this issuer stands here twice']
    }
    known.add(issuer)
    if (jwks === 'auto' && !isTrustedUrl(issuer)) {
      const message =
        'jwks: auto needs an issuer that is an https:// URL (http:// on loopback); say where the keys are'
      return [['auth', 'issuers', index, 'jwks'], message]
    }
  }
  return undefined
}

function findAdmin({ auth }: Config): Found | undefined {
  const known = new Set<string>()
  for (const [index, { name }] of auth.admin.tokens.entries()) {
    if (known.has(name)) {
      return [['auth', 'admin', 'tokens', index, 'name'], 'this name stands here twice']
    }
    known.add(name)
  }
  return undefined
}
