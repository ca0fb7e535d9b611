/** What the demo's agent does: a shuffled deck of calls, so that every kind of end is seen soon. */

import { between, pick, shuffled } from './random.ts'

export type Action =
  | {
      readonly kind: 'tool'
      readonly name: string
      readonly args: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'list_tools' }
  | { readonly kind: 'prompt'; readonly name: string }
  | { readonly kind: 'resource'; readonly uri: string }

export interface Step {
  readonly server: 'everything' | 'library'
  readonly action: Action
  /** The agent loses patience after this long. */
  readonly cancelAfterMs: number | undefined
}

type Random = () => number
type Card = (random: Random) => Step

const step = (server: Step['server'], action: Action, cancelAfterMs?: number): Step => ({
  server,
  action,
  cancelAfterMs,
})

const tool = (name: string, args: Readonly<Record<string, unknown>> = {}): Action => ({
  kind: 'tool',
  name,
  args,
})

const echo: Card = () => step('everything', tool('echo', { message: 'hello' }))
const sum: Card = (random) =>
  step('everything', tool('get-sum', { a: between(random, 1, 99), b: between(random, 1, 99) }))
const weather: Card = (random) =>
  step(
    'everything',
    tool('get-structured-content', {
      location: pick(random, ['New York', 'Chicago', 'Los Angeles']),
    }),
  )
const search: Card = (random) =>
  step('library', tool('search_books', { query: pick(random, ['sea', 'rose', 'room', 'quixote']) }))
const book: Card = (random) =>
  step('library', tool('get_book', { id: `b${between(random, 1, 6)}` }))
const reserve: Card = (random) =>
  step('library', tool('reserve_book', { id: `b${between(random, 1, 6)}` }))

/** The calls that end well and quickly, which a newcomer sees first. */
const QUICK: readonly Card[] = [search, echo, book, sum]

const REST: readonly Card[] = [
  search,
  search,
  echo,
  sum,
  weather,
  book,
  reserve,
  reserve,
  reserve,
  (random) =>
    step(
      'everything',
      tool('trigger-long-running-operation', { duration: between(random, 10, 25) / 10, steps: 5 }),
    ),
  () => step('library', tool('search_archive', { query: 'lighthouses' })),
  (random) =>
    step('library', tool('search_archive', { query: 'whales' }), between(random, 300, 800)),
  (random) =>
    step(
      'everything',
      tool('trigger-long-running-operation', { duration: 2, steps: 5 }),
      between(random, 300, 800),
    ),
  // A missing book: the tool says so itself.
  () => step('library', tool('get_book', { id: 'b404' })),
  // An argument of the wrong type, and a tool that does not exist.
  () => step('everything', tool('get-sum', { a: 'one', b: 2 })),
  () => step('library', tool('shelve_book', { id: 'b1' })),
  () => step('everything', { kind: 'list_tools' }),
  () => step('library', { kind: 'list_tools' }),
  () => step('everything', { kind: 'prompt', name: 'simple-prompt' }),
  () => step('library', { kind: 'resource', uri: 'library://opening-hours' }),
  (random) =>
    step('everything', {
      kind: 'resource',
      uri: `demo://resource/dynamic/text/${between(random, 1, 5)}`,
    }),
]

/** An endless sequence of steps: quick ones first, then the whole deck in a new order each time. */
export function createScenario(random: Random): () => Step {
  let deck = [...QUICK, ...shuffled(random, REST)]
  return () => {
    if (deck.length === 0) deck = shuffled(random, [...QUICK, ...REST])
    const card = deck.shift() ?? echo
    return card(random)
  }
}
