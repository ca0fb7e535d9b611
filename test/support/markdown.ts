/** What the pages of the documentation show: their fenced blocks, and the commands in them. */

import { globSync, readFileSync } from 'node:fs'

/** Every page that is written for people. */
export const PAGES: readonly string[] = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...globSync('{docs,bench,deploy,examples,grafana,otel}/**/*.md', {
    exclude: (path) => path.includes('node_modules'),
  }).toSorted(),
]

export interface Fence {
  readonly page: string
  /** Of the fence that opens it, from 1. */
  readonly line: number
  /** What stands behind the fence, such as `sh`. */
  readonly language: string
  /** Without the indentation of the fence. */
  readonly text: string
}

export function fencesOf(page: string): Fence[] {
  const found: Fence[] = []
  const lines = readFileSync(page, 'utf8').split('\n')
  let open: { line: number; indent: string; language: string } | undefined
  let text: string[] = []
  for (const [index, line] of lines.entries()) {
    const fence = /^( *)```(\w*)/.exec(line)
    if (open === undefined) {
      if (fence === null) continue
      open = { line: index + 1, indent: fence[1] ?? '', language: fence[2] ?? '' }
      text = []
    } else if (fence === null) {
      text.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line)
    } else {
      found.push({ page, line: open.line, language: open.language, text: `${text.join('\n')}\n` })
      open = undefined
    }
  }
  return found
}

/** A page without its fenced blocks. */
export const proseOf = (page: string): string =>
  readFileSync(page, 'utf8').replaceAll(/^( *)```[\s\S]*?^ *```/gm, '')

const OPERATORS = /^(?:[|;&]+|\d*(?:>>?|<<?)&?\d*)/

/**
 * The simple commands of a shell script, as words. Quotes are taken off, comments, redirections and
 * assignments before a command left out; nothing is expanded.
 */
export function shellCommands(script: string): string[][] {
  const commands: string[][] = []
  let words: string[] = []
  const end = (): void => {
    const first = words.findIndex((word) => !/^[A-Z_][A-Z0-9_]*=/.test(word))
    if (first >= 0) commands.push(words.slice(first))
    words = []
  }
  let rest = script.replaceAll(/\\\n/g, ' ')
  while (rest !== '') {
    const blank = /^(?:[ \t]+|#[^\n]*)/.exec(rest)
    const operator = OPERATORS.exec(rest)
    if (blank !== null) {
      rest = rest.slice(blank[0].length)
    } else if (rest.startsWith('\n') || rest.startsWith('(') || rest.startsWith(')')) {
      end()
      rest = rest.slice(1)
    } else if (operator !== null) {
      rest = rest.slice(operator[0].length)
      if (/[<>]/.test(operator[0])) rest = rest.slice(takeWord(rest.trimStart(), rest).length)
      else end()
    } else {
      const word = takeWord(rest, rest)
      words.push(word.text)
      rest = rest.slice(word.length)
    }
  }
  end()
  return commands
}

/** The word at the beginning of `text`, and how much of `from` is over with it. */
function takeWord(text: string, from: string): { readonly text: string; readonly length: number } {
  const raw = /^(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\|;&<>()])*/.exec(text)?.[0] ?? ''
  const unquoted = raw.replaceAll(
    /'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g,
    (_, single: string | undefined, double: string | undefined, one: string | undefined) =>
      single ?? double ?? one ?? '',
  )
  // A quote that is never closed is no word; one character of it keeps the reading going.
  return { text: unquoted, length: from.length - text.length + Math.max(raw.length, 1) }
}

/** The arguments that a command gives to `sidelight`, however it is started; none if it does not. */
export function sidelightArguments(words: readonly string[]): readonly string[] | undefined {
  const [program = '', ...args] = words
  if (/(^|\/)sidelight$/.test(program)) return args
  const line = words.join(' ')
  if (/^npm run sidelight( |$)/.test(line)) {
    return args[2] === '--' ? args.slice(3) : ['without -- npm takes the flags']
  }
  if (/^node \S*src\/main\.ts( |$)/.test(line)) return args.slice(1)
  if (program !== 'npx') return inContainer(words)
  const name = args.findIndex((word) => !word.startsWith('-'))
  return /^sidelight(@|$)/.test(args[name] ?? '') ? args.slice(name + 1) : undefined
}

const IMAGE = /(^|\/)sidelight(:[\w.$}{-]+)?(@|$)/

function inContainer(words: readonly string[]): readonly string[] | undefined {
  const nested = words.findIndex((word, index) => word === '--' && words[index + 1] === 'sidelight')
  if (nested > 0) return words.slice(nested + 2)
  if (words[0] !== 'docker' || !words.some((word) => word === 'run' || word === 'exec')) {
    return undefined
  }
  const image = words.findIndex((word) => IMAGE.test(word))
  if (image < 0) return undefined
  // `exec` names the service and then the program.
  return words.slice(words[image + 1] === 'sidelight' ? image + 2 : image + 1)
}

/** The anchors of a page's headings, as GitHub and most site makers spell them. */
export function anchorsOf(page: string): ReadonlySet<string> {
  const seen = new Map<string, number>()
  const anchors = new Set<string>()
  for (const [, heading = ''] of proseOf(page).matchAll(/^#+ (.+)$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-')
    const times = seen.get(slug) ?? 0
    seen.set(slug, times + 1)
    anchors.add(times === 0 ? slug : `${slug}-${times}`)
  }
  return anchors
}

export interface Link {
  readonly page: string
  readonly target: string
}

/** Every link and picture of a page, outside of fenced blocks and code. */
export function linksOf(page: string): Link[] {
  const prose = proseOf(page).replaceAll(/`[^`\n]*`/g, '')
  return [
    ...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g),
    ...prose.matchAll(/<(https?:\/\/[^>\s]+)>/g),
    ...prose.matchAll(/\s(?:src|srcset|href)="([^"]+)"/g),
  ].map(([, target = '']) => ({ page, target }))
}
