/**
 * A part of the language of regular expressions whose matching cannot get out of hand: characters,
 * escapes and classes, each with a quantifier if need be. No groups, no alternatives, no references,
 * and one quantifier at most that leaves a choice, so that there is little to try again.
 */

const ATOM = /^(?:\\[dwsDWSb]|\\[^\p{L}\p{N}]|\[\^?(?:\\.|[^\\\]])+\]|[^\\()[\]|^$*+?{}])/u
const QUANTIFIER = /^(?:[?*+]|\{(\d{1,3})(?:(,)(\d{1,3})?)?\})/

/** Most repetitions of one atom, also of one with `*` or `+`. */
const REPEAT_MAX = 128
/** Most characters that may follow the atom with a choice; each may be looked at once per choice. */
const TAIL_MAX = 16
const FIXED_MAX = 128

interface Term {
  readonly atom: string
  readonly min: number
  readonly max: number
}

/** The pattern, global; undefined when it is not of that language. */
export function compileLinearPattern(source: string): RegExp | undefined {
  const terms = readTerms(source)
  if (terms === undefined || terms.some(({ min, max }) => max < min || max > REPEAT_MAX)) {
    return undefined
  }
  const lengthOf = (list: readonly Term[]): number => list.reduce((sum, { min }) => sum + min, 0)
  const choices = terms.filter(({ min, max }) => min !== max)
  const choiceAt = terms.findIndex(({ min, max }) => min !== max)
  const tail = choiceAt < 0 ? 0 : lengthOf(terms.slice(choiceAt + 1))
  const length = lengthOf(terms)
  if (choices.length > 1 || length === 0 || length > FIXED_MAX || tail > TAIL_MAX) return undefined
  return toRegExp(terms.map(print).join(''))
}

/** A boundary of words has no length, and no quantifier. */
function print({ atom, min, max }: Term): string {
  return max === 0 && atom.startsWith('\\') ? atom : `${atom}{${min},${max}}`
}

function readTerms(source: string): readonly Term[] | undefined {
  const terms: Term[] = []
  let rest = source
  while (rest !== '') {
    const atom = ATOM.exec(rest)?.[0]
    if (atom === undefined) return undefined
    rest = rest.slice(atom.length)
    if (/^\\b$/i.test(atom)) {
      terms.push({ atom, min: 0, max: 0 })
      continue
    }
    const quantifier = QUANTIFIER.exec(rest)
    rest = rest.slice(quantifier?.[0].length ?? 0)
    const [min, max] = boundsOf(quantifier)
    terms.push({ atom, min, max })
  }
  return terms
}

function boundsOf(quantifier: RegExpExecArray | null): [min: number, max: number] {
  if (quantifier === null) return [1, 1]
  const [text, min = '', comma, max] = quantifier
  if (text === '?') return [0, 1]
  if (text === '*') return [0, REPEAT_MAX]
  if (text === '+') return [1, REPEAT_MAX]
  if (comma === undefined) return [Number(min), Number(min)]
  return [Number(min), max === undefined ? Math.max(REPEAT_MAX, Number(min)) : Number(max)]
}

function toRegExp(source: string): RegExp | undefined {
  try {
    return new RegExp(source, 'g')
  } catch {
    return undefined
  }
}
