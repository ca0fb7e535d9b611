/** Who may do what on the admin plane. */

import type { Context, MiddlewareHandler } from 'hono'
import type { HttpBindings } from '@hono/node-server'
import type { HeaderRecord } from '../core/exchange.ts'

/** `read`: look at what goes on. `control`: give orders. `audit`: read the audit trail. */
export type AdminPermission = 'read' | 'control' | 'audit'

/** The name of whoever is on this machine, when nobody has to say who they are. */
export const LOCAL = 'local'

/** Who asks. */
export interface AdminIdentity {
  readonly kind: 'admin'
  /** For the log and the audit trail: a token's name, or issuer and subject; `local` on loopback. */
  readonly name: string
  /**
   * Whether they may do something else besides; a proof of a key (DPoP) is good for one check. False for
   * everything once the token has another content, or another configuration says who may what.
   */
  may(permission: AdminPermission): boolean
}

/** Nobody, or somebody who may not. Never says which token was wrong. */
export interface AdminRefusal {
  readonly kind: 'refused'
  readonly status: 401 | 403 | 503
  readonly error: string
  readonly message: string
}

/** The head of a request, as Node reads it. */
export interface AdminRequest {
  readonly headers: HeaderRecord
  readonly rawHeaders: readonly string[]
  readonly method?: string | undefined
  readonly url?: string | undefined
}

export interface AdminGate {
  /** What everybody may see: probes and scrapers often have no credential. */
  readonly open: ReadonlySet<'health' | 'metrics'>
  /** False where anybody could give orders: off loopback, when nobody has to say who they are. */
  readonly takesOrders: boolean
  /** Finds out who asks, and whether they may. */
  check(
    request: AdminRequest,
    permission: AdminPermission,
  ): AdminIdentity | AdminRefusal | Promise<AdminIdentity | AdminRefusal>
}

export interface AdminEnv {
  Bindings: HttpBindings
  Variables: { admin: AdminIdentity }
}

/**
 * For routes that need a permission: `app.get(path, needs(gate, 'read'), handler)`. The handler finds
 * who asks in `c.var.admin`.
 */
export function needs(gate: AdminGate, permission: AdminPermission): MiddlewareHandler<AdminEnv> {
  return async (c, next) => {
    const found = await gate.check(c.env.incoming, permission)
    if (found.kind === 'refused') return refuse(c, found)
    c.set('admin', found)
    return next()
  }
}

function refuse(c: Context<AdminEnv>, { status, error, message }: AdminRefusal): Response {
  if (status === 401) c.header('WWW-Authenticate', 'Bearer realm="sidelight admin"')
  c.header('Cache-Control', 'no-store')
  return c.json({ error, message }, status)
}
