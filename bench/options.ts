/** The flags of `npm run bench`. */

import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ALL_SHAPES, DEFAULT_SHAPES, findShapes, type Shape } from './shapes.ts'
import { TARGET_NAMES, type TargetName } from './targets.ts'

export interface Options {
  readonly rounds: number
  /** Measured time of a window. */
  readonly seconds: number
  /** Load on each target before the first round. */
  readonly warmupSeconds: number
  readonly shapes: readonly Shape[]
  readonly targets: readonly TargetName[]
  readonly pin: boolean
  /** The exit code follows the requirement. */
  readonly assert: boolean
  /** Undefined for a quick run without `--out`: its figures are not worth keeping. */
  readonly out: string | undefined
}

export type ParsedOptions =
  | { readonly kind: 'options'; readonly options: Options }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'problem'; readonly message: string }

const ROUNDS_MAX = 200
const SECONDS_MAX = 60

const HELP = `Usage: npm run bench -- [flags]

  --rounds N       Windows per target. Default 5.
  --seconds N      Measured time of a window. Default 3.
  --shape NAME     Measure only this shape; may be repeated. A family (json-200B) or one
                   member (json-200B@32). All: ${ALL_SHAPES.map(({ id }) => id).join(', ')}.
                   Default: ${DEFAULT_SHAPES.map(({ id }) => id).join(', ')}.
  --target NAME    Measure only this target; may be repeated.
                   ${TARGET_NAMES.join(', ')}.
  --quick          2 rounds of 1 s, to see that everything works.
  --no-pin         Leave it to the scheduler which core runs what.
  --name TEXT      Short description for the name of the result's file.
  --out FILE       Write the result here. Default bench/results/DATE-NAME.json;
                   a quick run writes only with --out.
  --assert         Exit with 1 unless sidelight is as fast as node-http at json-200B@32.
  --help           Print this.
`

/** Reads the flags; `today` is part of the default file's name. */
export function readOptions(args: readonly string[], today: string): ParsedOptions {
  const given = parse(args)
  if (typeof given === 'string') return { kind: 'problem', message: given }
  if (given.help) return { kind: 'help', text: HELP }
  const rounds = readNumber('--rounds', given.rounds, given.quick ? 2 : 5, ROUNDS_MAX)
  if (typeof rounds === 'string') return { kind: 'problem', message: rounds }
  const seconds = readNumber('--seconds', given.seconds, given.quick ? 1 : 3, SECONDS_MAX)
  if (typeof seconds === 'string') return { kind: 'problem', message: seconds }
  const shapes = readShapes(given.shape)
  if (typeof shapes === 'string') return { kind: 'problem', message: shapes }
  const targets = readTargets(given.target)
  if (typeof targets === 'string') return { kind: 'problem', message: targets }
  return {
    kind: 'options',
    options: {
      rounds: Math.round(rounds),
      seconds,
      warmupSeconds: given.quick ? 0.5 : 4,
      shapes,
      targets,
      pin: !given['no-pin'],
      assert: given.assert,
      out: given.out ?? (given.quick ? undefined : defaultFile(today, given.name)),
    },
  }
}

interface Given {
  readonly rounds: string | undefined
  readonly seconds: string | undefined
  readonly shape: readonly string[]
  readonly target: readonly string[]
  readonly quick: boolean
  readonly 'no-pin': boolean
  readonly name: string
  readonly out: string | undefined
  readonly assert: boolean
  readonly help: boolean
}

/** The flags' values, or what is wrong with them. */
function parse(args: readonly string[]): Given | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        shape: { type: 'string', multiple: true, default: [] },
        target: { type: 'string', multiple: true, default: [] },
        quick: { type: 'boolean', default: false },
        'no-pin': { type: 'boolean', default: false },
        name: { type: 'string', default: 'run' },
        out: { type: 'string' },
        assert: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    return { ...values, rounds: values.rounds, seconds: values.seconds, out: values.out }
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

function readShapes(words: readonly string[]): readonly Shape[] | string {
  const shapes = new Set<Shape>()
  for (const word of words) {
    const found = findShapes(word)
    if (found.length === 0) {
      return `--shape ${word}: expected one of ${ALL_SHAPES.map(({ id }) => id).join(', ')}`
    }
    for (const shape of found) shapes.add(shape)
  }
  return shapes.size === 0 ? DEFAULT_SHAPES : [...shapes]
}

function readTargets(words: readonly string[]): readonly TargetName[] | string {
  const unknown = words.find((word) => !TARGET_NAMES.some((name) => name === word))
  if (unknown !== undefined) {
    return `--target ${unknown}: expected one of ${TARGET_NAMES.join(', ')}`
  }
  return words.length === 0 ? TARGET_NAMES : TARGET_NAMES.filter((name) => words.includes(name))
}

function defaultFile(today: string, name: string): string {
  const words = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  return fileURLToPath(new URL(`results/${today}-${words}.json`, import.meta.url))
}
