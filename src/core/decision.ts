/** What authorization said of one call. */

export type DenyReason =
  /** A rule denies it. */
  | 'denied'
  /** No rule of the principal's roles allows it. */
  | 'no_rule'
  /** A rule would allow it if its condition held, or its condition could not be evaluated. */
  | 'condition'
  /** The principal belongs to another organisation than its role is for. */
  | 'organization'
  /** What the call is about cannot be read: its name is missing, too long, or no text. */
  | 'unreadable'

export const DENY_REASONS: readonly DenyReason[] = [
  'denied',
  'no_rule',
  'condition',
  'organization',
  'unreadable',
]

export type Decision =
  | {
      readonly kind: 'allow'
      /** Name of the role and the text of its rule, as in the configuration. */
      readonly role: string
      readonly rule: string
      /** Which policy decided: a digest of its text, so that records of two reloads can be told apart. */
      readonly policy: string
    }
  | {
      readonly kind: 'deny'
      readonly reason: DenyReason
      /** Undefined when no rule spoke. */
      readonly role: string | undefined
      readonly rule: string | undefined
      /** OAuth scopes that would let a client step up; empty when none would help. */
      readonly scopes: readonly string[]
      /** True when the policy only reports (`policy.mode: dry_run`): the call goes on. */
      readonly dryRun: boolean
      readonly policy: string
    }
