/**
 * Arguments and results as they may be seen: JSON without what looks like a secret.
 *
 * Redaction finds what it knows. What must not be seen at all is not to be captured.
 */

export interface RedactionRules {
  /** Names whose values are hidden, at any depth; compared without case, `-`, `_` and `.`. */
  readonly denyKeys: readonly string[]
  /** Made of `denyKeys`, by `assignmentsTo`. */
  readonly assignments: RegExp
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

/** Without alternatives that overlap: none looks at a character again and again. */
const SECRET_TEXTS: readonly RegExp[] = [
  /\b(?:Bearer|Basic|DPoP) [\w+/=.~-]{6,}/gi,
  /\beyJ[\w-]{6,}(?:\.[\w-]*)*/g,
  /\b(?:sk-|sk_|ghp_|gho_|ghs_|github_pat_|glpat-|xox[abprs]-|AKIA|AIza)[\w-]{10,}/g,
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[^-]|-(?!----))*/g,
  // Headers whose values have spaces in them.
  /(?<=(?:authorization|cookie)["']?[ \t]{0,8}[=:][ \t]{0,8})[^\s"'][^\r\n"']*/gi,
]

const IN_NAMES = '[-_. ]?'

/**
 * `password=...`, `"api_key": "..."` and the like inside a text, for names that contain one of these (as
 * `plainName` gives them). A value in quotes is hidden up to the quote that ends it, wherever that is.
 */
export function assignmentsTo(denyKeys: readonly string[]): RegExp {
  const names = denyKeys
    .filter((name) => name !== '')
    .map((name) => Array.from(name, (char) => escaped(char)).join(IN_NAMES))
  return new RegExp(
    `((?:${names.join('|')})[\\w.-]{0,32}\\\\{0,4}["']?[ \\t]{0,8}[=:][ \\t]{0,8})` +
      `(?:(\\\\{0,4}")(?:[^"\\\\]|\\\\[^])*|(')[^']*|[^\\s"'&,;]+)`,
    'gi',
  )
}

const USUAL_RULES: RedactionRules = {
  denyKeys: DENIED_KEYS,
  assignments: assignmentsTo(DENIED_KEYS),
  patterns: [],
  bytesMax: Infinity,
}

function escaped(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&')
}

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
  if (typeof value === 'number') return isSecretNumber(String(value), rules) ? HIDDEN : value
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

/** A text of an upstream, such as an error's message, without what is known to be a secret. */
export function redactMessage(text: string | undefined): string | undefined {
  return text === undefined ? undefined : redactText(text, USUAL_RULES, DEPTH_MAX)
}

/** Tools often answer with JSON inside a text: it is read as JSON too. */
function redactText(text: string, rules: RedactionRules, depth: number): string {
  if (depth < DEPTH_MAX && /^\s*[[{]/.test(text)) {
    const inner = parse(text)
    if (inner !== undefined) return JSON.stringify(redactValue(inner.value, rules, depth + 1))
  }
  // First, because what hides an assignment ends at a space.
  let shown = text
  for (const pattern of SECRET_TEXTS) shown = shown.replace(pattern, HIDDEN)
  shown = shown.replace(
    rules.assignments,
    (_all, name: string, double = '', single = '') => `${name}${double}${single}${HIDDEN}`,
  )
  for (const pattern of rules.patterns) shown = shown.replace(pattern, HIDDEN)
  return shown.replace(CARD, (digits) => (isCard(digits) ? HIDDEN : digits))
}

function isSecretNumber(text: string, { patterns }: RedactionRules): boolean {
  return isCard(text) || patterns.some((pattern) => text.replace(pattern, HIDDEN) !== text)
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

/** A URI without what may be a credential: the user information and the query. */
export function uriWithoutSecrets(uri: string): string {
  return uri.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1').replace(/[?#].*$/s, '')
}
