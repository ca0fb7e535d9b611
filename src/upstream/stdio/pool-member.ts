/** One shared process, and which of several gets the next request. */

import type { ParamHeaders } from './param-headers.ts'
import { BACKLOG_BYTES_MAX, type HostedProcess } from './process-table.ts'
import type { SharedProcess } from './shared-process.ts'

export interface Member {
  readonly shared: SharedProcess
  readonly host: HostedProcess
  readonly owner: string
  readonly params: ParamHeaders
}

/** Calls that wait for the schemas of the tools are work too. */
export function loadOf({ shared, params }: Member): number {
  return shared.load + params.waiting
}

/** True when the process takes what it is sent. */
export function reads({ host }: Member): boolean {
  return host.backlogBytes <= BACKLOG_BYTES_MAX
}

/** One that takes what it is sent is better, and then the one with less to do. */
export function isBetter(one: Member, other: Member): boolean {
  return reads(one) === reads(other) ? loadOf(one) < loadOf(other) : reads(one)
}
