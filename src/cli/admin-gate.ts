/** Who may use the admin plane: tokens from files, and callers whose roles say so. */

import { hash } from 'node:crypto'
import type { WatchedFile } from '../auth/watched-file.ts'
import { readCredential } from '../auth/credential.ts'
import type { Config } from '../config/schema.ts'
import type { Authenticated, Authenticator, RequestFacts } from '../core/authentication.ts'
import type { Log } from '../core/log.ts'
import type { Rejection } from '../core/outcome.ts'
import {
  LOCAL,
  type AdminGate,
  type AdminIdentity,
  type AdminPermission,
  type AdminRefusal,
  type AdminRequest,
} from '../http/admin-gate.ts'
import { fileFailure, watchFile } from './auth-files.ts'
import type { StartFailure } from './parts.ts'
import { sizeOf } from './units.ts'

export interface AdminGateOptions {
  readonly config: Config
  readonly log: Log
  /** True when the admin plane listens on a loopback address. */
  readonly loopback: boolean
  /** Undefined when nobody is authenticated on the data plane. */
  readonly authenticator: Authenticator | undefined
}

export interface AdminGateParts {
  readonly gate: AdminGate
  tick(nowMs: number): void
  /** Another gate is in force: whom this one let in has to ask again. */
  end(): void
}

interface AdminToken {
  readonly name: string
  readonly permissions: ReadonlySet<AdminPermission>
  readonly file: WatchedFile
  /** Digest of the token. */
  digest: string
}

const TOKEN_BYTES_MIN = 16
const TOKEN_BYTES_MAX = 8 * 1024

const NOT_CONFIGURED: AdminRefusal = {
  kind: 'refused',
  status: 403,
  error: 'not_configured',
  message: 'off loopback this needs a credential: see auth.admin in the configuration',
}

const UNAUTHENTICATED: AdminRefusal = {
  kind: 'refused',
  status: 401,
  error: 'unauthenticated',
  message: 'send a token: Authorization: Bearer TOKEN',
}

const INVALID: AdminRefusal = {
  kind: 'refused',
  status: 401,
  error: 'invalid_token',
  message: 'the token is not valid here',
}

const UNAVAILABLE: AdminRefusal = {
  kind: 'refused',
  status: 503,
  error: 'auth_unavailable',
  message: 'it cannot be found out whether the token is valid; try again later',
}

export function createAdminGate(options: AdminGateOptions): AdminGateParts | StartFailure {
  const { config, log, loopback, authenticator } = options
  const { roles, open } = config.auth.admin
  const tokens = loadTokens(config, log)
  if ('what' in tokens) return tokens
  const byRole = Object.values(roles).some((names) => names.length > 0)
  const asks = tokens.length > 0 || (byRole && authenticator !== undefined)
  const tokenBytesMax = Math.max(TOKEN_BYTES_MAX, sizeOf(config.auth.tokenSize))
  let over = false
  const local: AdminIdentity = { kind: 'admin', name: LOCAL, may: () => !over }
  const gate: AdminGate = {
    open: new Set(open),
    takesOrders: asks || loopback,
    check: (request, permission) => {
      if (!asks) return loopback ? local : NOT_CONFIGURED
      const facts = factsOf(request)
      const credential = readCredential(facts, tokenBytesMax)
      if (credential.kind === 'none') return UNAUTHENTICATED
      // Digests are compared, so that the time it takes says nothing of the token.
      const digest = digestOf(credential.token)
      const token = tokens.find((one) => one.digest === digest)
      if (token !== undefined) {
        const holds = (): boolean => !over && token.digest === digest
        return permit(token.name, permission, (one) => holds() && token.permissions.has(one))
      }
      if (authenticator === undefined || !byRole) return INVALID
      const may: RolesMay = (has, one) => !over && roles[one].some((role) => has.includes(role))
      return byPrincipal(authenticator, facts, may, permission)
    },
  }
  return {
    gate,
    tick: (nowMs) => {
      for (const { file } of tokens) file.tick(nowMs)
    },
    end: () => {
      over = true
    },
  }
}

/** Whether one of these roles may do that. */
type RolesMay = (has: readonly string[], permission: AdminPermission) => boolean

function byPrincipal(
  authenticator: Authenticator,
  facts: RequestFacts,
  may: RolesMay,
  permission: AdminPermission,
): AdminIdentity | AdminRefusal | Promise<AdminIdentity | AdminRefusal> {
  const judge = (result: Authenticated | Rejection): AdminIdentity | AdminRefusal => {
    if (result.kind === 'rejected') {
      return result.reason === 'auth_unavailable' ? UNAVAILABLE : INVALID
    }
    const { principal } = result
    return permit(`${principal.issuer} ${principal.subject}`, permission, (one) =>
      may(principal.roles, one),
    )
  }
  const found = authenticator.authenticate(facts)
  if (found.kind !== 'pending') return judge(found)
  return new Promise((resolve) => {
    found.start((result) => resolve(judge(result)))
  })
}

function permit(
  name: string,
  permission: AdminPermission,
  may: AdminIdentity['may'],
): AdminIdentity | AdminRefusal {
  if (may(permission)) return { kind: 'admin', name, may }
  const message = 'this credential does not open it'
  return { kind: 'refused', status: 403, error: 'forbidden', message }
}

function loadTokens({ auth }: Config, log: Log): readonly AdminToken[] | StartFailure {
  const tokens: AdminToken[] = []
  for (const [index, { name, file: path, permissions }] of auth.admin.tokens.entries()) {
    const token: AdminToken = {
      name,
      permissions: new Set(permissions),
      digest: '',
      file: watchFile(
        path,
        TOKEN_BYTES_MAX,
        log,
        (text) => {
          const given = text.trim()
          if (given.length < TOKEN_BYTES_MIN) return `expected at least ${TOKEN_BYTES_MIN} bytes`
          token.digest = digestOf(given)
          return undefined
        },
        // Whoever takes a token's file away wants the token to end. No token has an empty digest.
        () => {
          token.digest = ''
        },
      ),
    }
    const problem = token.file.load()
    if (problem !== undefined) {
      return fileFailure(`auth.admin.tokens.${index}.file`, path, problem)
    }
    tokens.push(token)
  }
  return tokens
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64')
}

function factsOf({ headers, rawHeaders, method, url }: AdminRequest): RequestFacts {
  const [path = '', query] = (url ?? '/').split('?', 2)
  return {
    httpMethod: method ?? 'GET',
    upstreamName: '',
    path,
    query: query === undefined ? '' : `?${query}`,
    headers,
    rawHeaders,
    clientAddress: undefined,
  }
}
