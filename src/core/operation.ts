/** What a message asks for, in the terms in which a policy allows and denies. */

export type OperationKind =
  /** A tool, by its name. */
  | 'tool'
  /** A prompt, by its name. */
  | 'prompt'
  /** A resource, by its URI, or a template of resources, by its text. */
  | 'resource'
  /** A method of MCP or of an extension that is about none of these, by its name. */
  | 'method'
  /** A path of the upstream that is none of MCP's, passed unread. */
  | 'path'

export const OPERATION_KINDS: readonly OperationKind[] = [
  'tool',
  'prompt',
  'resource',
  'method',
  'path',
]

export interface Operation {
  readonly kind: OperationKind
  /** Undefined when it cannot be read: missing, too long, or no text. */
  readonly name: string | undefined
  /** True for what the protocol itself needs: allowed to whoever may do anything at the upstream. */
  readonly protocol: boolean
}
