/**
 * Arguments and results as they may be seen: JSON without what looks like a secret.
 *
 * Redaction finds what it knows. What must not be seen at all is not to be captured.
 */

export interface RedactionRules {
  /** Names whose values are hidden, at any depth; compared without case, `-`, `_` and `.`. */
  readonly denyKeys: readonly string[]
  /** Texts that are hidden wherever they stand in a value. All are global and linear in time. */
  readonly patterns: readonly RegExp[]
  /** Longest text that is read and longest that is given back, in bytes. */
  readonly bytesMax: number
}

export const HIDDEN = '[redacted]'

/** A name that contains one of these has a value that nobody should see. */
export const DENIED_KEYS: readonly string[] = [
  'password',
  'passwd',
  'passphrase',
  'secret',
  'token',
  'apikey',
  'authorization',
  'cookie',
  'credential',
  'privatekey',
  'sessionid',
]

/** Bounded, without alternatives that overlap: none takes more than a bounded look at each character. */
const SECRET_TEXTS: readonly RegExp[] = [
  /\b(?:Bearer|Basic|DPoP) [\w+/=.~-]{6,4096}/gi,
  /\beyJ[\w-]{6,4096}\.[\w-]{2,4096}\.[\w-]{0,4096}/g,
  /\b(?:sk-|sk_|ghp_|gho_|ghs_|github_pat_|glpat-|xox[abprs]-|AKIA|AIza)[\w-]{10,256}/g,
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{0,16384}/g,
]

/** `password=...`, `"api_key": "..."` and the like inside a text. */
const ASSIGNMENT =
  /((?:password|passwd|secret|token|api[-_]?key|authorization)["']?[ \t]{0,8}[=:][ \t]{0,8}["']?)[^\s"'&,;]{1,4096}/gi

/** 13 to 19 digits with single spaces or dashes between, as cards are written. */
const CARD = /(?<![\d.])\d(?:[ -]?\d){12,18}(?!\d)/g

const DEPTH_MAX = 64

/** The JSON text, or undefined when it is too long, or no JSON. */
export function redactJson(text: Buffer, rules: RedactionRules): string | undefined {
  if (text.length > rules.bytesMax) return undefined
  const parsed = parse(text.toString('utf8'))
  if (parsed === undefined) return undefined
  const redacted = JSON.stringify(redactValue(parsed.value, rules, 0))
  return Buffer.byteLength(redacted) > rules.bytesMax ? undefined : redacted
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

function redactValue(value: unknown, rules: RedactionRules, depth: number): unknown {
  if (typeof value === 'string') return redactText(value, rules, depth)
  if (typeof value === 'number') return isCard(String(value)) ? HIDDEN : value
  if (typeof value !== 'object' || value === null) return value
  if (depth >= DEPTH_MAX) return HIDDEN
  if (Array.isArray(value)) return value.map((item) => redactValue(item, rules, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      redactText(name, rules, DEPTH_MAX),
      isDenied(name, rules.denyKeys) ? HIDDEN : redactValue(member, rules, depth + 1),
    ]),
  )
}

function isDenied(name: string, denied: readonly string[]): boolean {
  const plain = plainName(name)
  return denied.some((one) => plain.includes(one))
}

export function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.\s]/g, '')
}

/** Tools often answer with JSON inside a text: it is read as JSON too. */
function redactText(text: string, rules: RedactionRules, depth: number): string {
  if (depth < DEPTH_MAX && /^\s*[[{]/.test(text)) {
    const inner = parse(text)
    if (inner !== undefined) return JSON.stringify(redactValue(inner.value, rules, depth + 1))
  }
  let shown = text.replace(ASSIGNMENT, `$1${HIDDEN}`)
  for (const pattern of SECRET_TEXTS) shown = shown.replace(pattern, HIDDEN)
  for (const pattern of rules.patterns) shown = shown.replace(pattern, HIDDEN)
  return shown.replace(CARD, (digits) => (isCard(digits) ? HIDDEN : digits))
}

/** Luhn's check, which every card number passes and one other number in ten. */
function isCard(text: string): boolean {
  const digits = text.replaceAll(/[ -]/g, '')
  if (!/^\d{13,19}$/.test(digits)) return false
  let sum = 0
  for (let i = 0; i < digits.length; i += 1) {
    const digit = Number(digits[digits.length - 1 - i])
    const doubled = i % 2 === 0 ? digit : digit * 2
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}
