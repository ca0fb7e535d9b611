/** The flags of `npm run bench` and `npm run bench:stdio`. */

import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { findShapes, type Shape } from './shapes.ts'
import { WARM_UP, type WarmUp } from './warm-up.ts'

/** What a benchmark has to choose from. */
export interface Catalogue<T extends string> {
  /** Such as `npm run bench`. */
  readonly command: string
  readonly shapes: readonly Shape[]
  /** Measured when no shape is chosen. */
  readonly defaultShapes: readonly Shape[]
  readonly targets: readonly T[]
  /** Measured time of a window when none is given, in seconds. */
  readonly seconds: number
  /** What `--assert` asks for, as it reads after "unless". */
  readonly goal: string
  /** What the result's file is called when nothing is said. */
  readonly name: string
  /** Whether shapes can be added to the file of an earlier run. */
  readonly addsToFiles: boolean
}

export interface Options<T extends string = string> {
  readonly rounds: number
  /** Measured time of a window. */
  readonly seconds: number
  /** Load on each process before the first round. */
  readonly warmUp: WarmUp
  /** What a target still does after its start or its load is over by then. */
  readonly settleSeconds: number
  readonly shapes: readonly Shape[]
  /** Those chosen; empty: all. */
  readonly targets: readonly T[]
  readonly pin: boolean
  /** The load generator of closed loops; undefined: the native one if there is one. */
  readonly generator: 'wrk' | 'node' | undefined
  /** True: Sidelight runs from its source. */
  readonly source: boolean
  /** Commands of targets that only this machine has, by their name. */
  readonly peers: ReadonlyMap<string, string>
  /** The exit code follows the requirement. */
  readonly assert: boolean
  /** Undefined for a quick run without `--out`: its figures are not worth keeping. */
  readonly out: string | undefined
  /** The file of an earlier run that the shapes are added to. */
  readonly adds: string | undefined
  /** Only what that run has left out. */
  readonly resumes: boolean
}

export type ParsedOptions<T extends string> =
  | { readonly kind: 'options'; readonly options: Options<T> }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'problem'; readonly message: string }

const GENERATORS = ['wrk', 'node'] as const
const ROUNDS_MAX = 200
const SECONDS_MAX = 60

const QUICK = {
  rounds: 2,
  seconds: 1,
  warmUp: { calls: 1_000, seconds: 0.5 },
  settleSeconds: 0.2,
}

const SETTLE_SECONDS = 1.5

function helpText<T extends string>(catalogue: Catalogue<T>): string {
  const { command, shapes, defaultShapes, targets, seconds, goal } = catalogue
  const first = shapes[0]
  return `Usage: ${command} -- [flags]

  --rounds N       Windows per target. Default 5.
  --seconds N      Measured time of a window. Default ${seconds}.
  --shape NAME     Measure only this shape; may be repeated. A family (${first?.family}) or one
                   member (${first?.id}). All: ${listOf(shapes)}.
                   Default: ${listOf(defaultShapes)}.
  --target NAME    Measure only this target; may be repeated.
                   ${targets.join(', ')}.
  --quick          2 rounds of 1 s, to see that everything works.
  --all            Measure every shape, not only the default ones.
  --load NAME      wrk or node: the load generator of closed loops. Default: wrk if installed.
  --source         Run Sidelight from its source instead of from dist.
  --peer NAME=COMMAND  Also measure this proxy. {port} is where it has to listen, {upstream} the
                   URL of the server, {server} the command of a server over pipes.
  --no-pin         Leave it to the scheduler which core runs what.
  --name TEXT      Short description for the name of the result's file.
  --out FILE       Write the result here. Default bench/results/DATE-NAME.json;
                   a quick run writes only with --out.
  --into FILE      Add the shapes to the result in FILE, in place of the same shapes there.
  --resume FILE    Measure what the run that wrote FILE has left out, and add it.
  --assert         Exit with 1 unless ${goal}.
  --help           Print this.
`
}

function listOf(shapes: readonly Shape[]): string {
  return shapes.map(({ id }) => id).join(', ')
}

/** Reads the flags; `today` is part of the default file's name. */
export function readOptions<T extends string>(
  args: readonly string[],
  today: string,
  catalogue: Catalogue<T>,
): ParsedOptions<T> {
  const given = parse(args, catalogue.name)
  if (typeof given === 'string') return { kind: 'problem', message: given }
  if (given.help) return { kind: 'help', text: helpText(catalogue) }
  const amounts = readAmounts(given, catalogue)
  if (typeof amounts === 'string') return { kind: 'problem', message: amounts }
  const choice = readChoice(given, catalogue)
  if (typeof choice === 'string') return { kind: 'problem', message: choice }
  const files = readFiles(given, today, catalogue)
  if (typeof files === 'string') return { kind: 'problem', message: files }
  const { source, assert } = given
  const options = { ...amounts, ...choice, ...files, source, pin: !given['no-pin'], assert }
  return { kind: 'options', options }
}

type Amounts = Pick<Options, 'rounds' | 'seconds' | 'warmUp' | 'settleSeconds'>

/** How much is measured, or what is wrong with the flags that say so. */
function readAmounts<T extends string>(given: Given, catalogue: Catalogue<T>): Amounts | string {
  const usual = given.quick
    ? QUICK
    : { rounds: 5, seconds: catalogue.seconds, warmUp: WARM_UP, settleSeconds: SETTLE_SECONDS }
  const rounds = readNumber('--rounds', given.rounds, usual.rounds, ROUNDS_MAX)
  if (typeof rounds === 'string') return rounds
  const seconds = readNumber('--seconds', given.seconds, usual.seconds, SECONDS_MAX)
  if (typeof seconds === 'string') return seconds
  return { ...usual, rounds: Math.round(rounds), seconds }
}

type Files = Pick<Options, 'out' | 'adds' | 'resumes'>

/** Where the result goes and what it is added to, or what is wrong with the flags that say so. */
function readFiles<T extends string>(
  { out, into, resume, quick, name }: Given,
  today: string,
  { addsToFiles }: Catalogue<T>,
): Files | string {
  const adds = into ?? resume
  if (adds !== undefined && !addsToFiles) return '--into and --resume: npm run bench alone has them'
  if (into !== undefined && resume !== undefined) return '--into and --resume: expected one of them'
  return {
    out: out ?? adds ?? (quick ? undefined : defaultFile(today, name)),
    adds,
    resumes: resume !== undefined,
  }
}

type Choice<T extends string> = Pick<Options<T>, 'shapes' | 'targets' | 'generator' | 'peers'>

/** What is measured and with what, or what is wrong with the flags that say so. */
function readChoice<T extends string>(given: Given, catalogue: Catalogue<T>): Choice<T> | string {
  const shapes = readShapes(given.shape, catalogue)
  if (typeof shapes === 'string') return shapes
  const peers = readPeers(given.peer)
  if (typeof peers === 'string') return peers
  const targets = readTargets(given.target, catalogue)
  if (typeof targets === 'string') return targets
  const generator = GENERATORS.find((name) => name === given.load)
  if (given.load !== undefined && generator === undefined) {
    return `--load ${given.load}: expected wrk or node`
  }
  return { shapes: given.all ? catalogue.shapes : shapes, targets, generator, peers }
}

interface Given {
  readonly rounds: string | undefined
  readonly seconds: string | undefined
  readonly shape: readonly string[]
  readonly target: readonly string[]
  readonly all: boolean
  readonly load: string | undefined
  readonly source: boolean
  readonly peer: readonly string[]
  readonly quick: boolean
  readonly 'no-pin': boolean
  readonly name: string
  readonly out: string | undefined
  readonly into: string | undefined
  readonly resume: string | undefined
  readonly assert: boolean
  readonly help: boolean
}

/** The flags' values, or what is wrong with them. */
function parse(args: readonly string[], defaultName: string): Given | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        shape: { type: 'string', multiple: true, default: [] },
        target: { type: 'string', multiple: true, default: [] },
        all: { type: 'boolean', default: false },
        load: { type: 'string' },
        source: { type: 'boolean', default: false },
        peer: { type: 'string', multiple: true, default: [] },
        quick: { type: 'boolean', default: false },
        'no-pin': { type: 'boolean', default: false },
        name: { type: 'string', default: defaultName },
        out: { type: 'string' },
        into: { type: 'string' },
        resume: { type: 'string' },
        assert: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    const { rounds, seconds, load, out, into, resume } = values
    return { ...values, rounds, seconds, load, out, into, resume }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function readNumber(
  flag: string,
  text: string | undefined,
  otherwise: number,
  max: number,
): number | string {
  const value = text === undefined ? otherwise : Number(text)
  return value > 0 && value <= max ? value : `${flag}: expected a number above 0, at most ${max}`
}

function readShapes<T extends string>(
  words: readonly string[],
  { shapes: known, defaultShapes }: Catalogue<T>,
): readonly Shape[] | string {
  const shapes = new Set<Shape>()
  for (const word of words) {
    const found = findShapes(word, known)
    if (found.length === 0) {
      return `--shape ${word}: expected one of ${listOf(known)}`
    }
    for (const shape of found) shapes.add(shape)
  }
  return shapes.size === 0 ? defaultShapes : [...shapes]
}

/** `NAME=COMMAND` each. */
function readPeers(words: readonly string[]): ReadonlyMap<string, string> | string {
  const peers = new Map<string, string>()
  for (const word of words) {
    const [, name, command] = /^([a-z0-9-]+)=(.*\{port\}.*)$/.exec(word) ?? []
    if (name === undefined || command === undefined) {
      return `--peer ${word}: expected NAME=COMMAND with {port} in it`
    }
    peers.set(name, command)
  }
  return peers
}

function readTargets<T extends string>(
  words: readonly string[],
  { targets }: Catalogue<T>,
): readonly T[] | string {
  const unknown = words.find((word) => !targets.some((name) => name === word))
  if (unknown !== undefined) {
    return `--target ${unknown}: expected one of ${targets.join(', ')}`
  }
  return targets.filter((name) => words.includes(name))
}

function defaultFile(today: string, name: string): string {
  const words = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  return fileURLToPath(new URL(`results/${today}-${words}.json`, import.meta.url))
}
