/** Sidelight's own MCP endpoint, by which agents ask what it knows. */

import * as z from 'zod/mini'
import { about } from './scalars.ts'

export const mcp = z.strictObject({
  enabled: about(
    z._default(z.boolean(), true),
    'False: there is none. It needs the permission `read` of the admin listener.',
  ),
  control: about(
    z._default(z.boolean(), false),
    'True: with the permission `control`, it has tools that give orders to breakers too.',
  ),
})
