/** Puts Sidelight's own MCP server on the admin plane; nothing of it is loaded before it is used. */

import type { Context, Hono } from 'hono'
import { LOCAL, needs, type AdminEnv, type AdminGate, type AdminPermission } from '../admin-gate.ts'
import type { ApiViews } from '../api/views.ts'

export interface McpSettings {
  readonly enabled: boolean
  /** True when there are tools that give orders too. */
  readonly control: boolean
}

export interface McpEndpointOptions {
  readonly views: ApiViews
  readonly gate: AdminGate
  /** Asked at each request: the configuration may change. */
  readonly settings: () => McpSettings
}

interface Endpoint {
  fetch(
    request: Request,
    options: {
      readonly authInfo: { token: string; clientId: string; scopes: string[] }
    },
  ): Promise<Response>
}

/** Who gave an order, in the log, when nobody has to say who they are. */
const NOBODY = 'mcp client on this machine'

export function addMcp(app: Hono<AdminEnv>, options: McpEndpointOptions): void {
  const { views, gate, settings } = options
  let loaded: Promise<Endpoint> | undefined
  app.all('/mcp', needs(gate, 'read'), async (c) => {
    if (!settings().enabled) return c.text('The MCP endpoint is off; see mcp.enabled.\n', 404)
    loaded ??= load(views)
    const endpoint = await loaded
    const { name } = c.var.admin
    const scopes: AdminPermission[] = mayOrder(c, options) ? ['read', 'control'] : ['read']
    const clientId = name === LOCAL ? NOBODY : name
    return endpoint.fetch(c.req.raw, { authInfo: { token: '', clientId, scopes } })
  })
}

async function load(views: ApiViews): Promise<Endpoint> {
  const { createMcpEndpoint } = await import('./server.ts')
  return createMcpEndpoint({ views, version: views.build().version })
}

function mayOrder(c: Context<AdminEnv>, { gate, settings }: McpEndpointOptions): boolean {
  if (!settings().control || !gate.takesOrders) return false
  // Browsers say where a request comes from; a page of somebody else gives no orders.
  const site = c.req.header('sec-fetch-site')
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
  return c.var.admin.may('control')
}
