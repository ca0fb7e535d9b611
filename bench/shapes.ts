/** What is asked of every target: the form and size of the reply, how many ask, and how fast. */

export type ReplyForm = 'json' | 'sse'

/**
 * What a target stands between: a client and a server that both speak HTTP (`http`), a client that
 * speaks HTTP and a server over pipes (`stdio`), or the other way round (`bridge`).
 */
export type Job = 'http' | 'stdio' | 'bridge'

export interface Shape {
  /** `FAMILY@CONNECTIONS`, such as `json-200B@32`; `/RATE` behind it at a fixed rate. */
  readonly id: string
  readonly family: string
  readonly form: ReplyForm
  /** Length of the JSON-RPC message in the reply; the text of events comes on top. */
  readonly messageBytes: number
  readonly connections: number
  readonly job: Job
  /** Events of a reply in the form `sse`: progress, and the result as the last. */
  readonly events: number
  /** In sessions of 2025-06-18, or stateless as in 2026-07-28. */
  readonly era: 'legacy' | 'modern'
  /** Sessions that are begun through the target before; calls take the first of them in turns. */
  readonly sessions: number
  /** True: each of those sessions holds a stream open all the time. */
  readonly streams: boolean
  /** Calls a second, each made when it is due; undefined: the next follows the answer. */
  readonly rate: number | undefined
  /** True: official SDK clients make the calls. */
  readonly sdk: boolean
  /** So often are the targets started anew, as long as each start has two rounds. */
  readonly starts: number
  /** Measured when none is chosen; undefined: all that do this job. */
  readonly targets: readonly string[] | undefined
}

/** The shape of the requirement. */
export const REQUIRED_SHAPE = 'json-200B@32'

/** Sessions that most shapes begin; more connections share them. */
const SESSIONS = 32

const PLAIN = {
  form: 'json',
  job: 'http',
  events: 1,
  era: 'legacy',
  sessions: SESSIONS,
  streams: false,
  rate: undefined,
  sdk: false,
  starts: 1,
  targets: undefined,
} as const satisfies Partial<Shape>

/** Targets of shapes that are there to be compared with the first. */
const FEW = ['node-http', 'undici-pipe', 'bare', 'full-10']
const PAIR = ['undici-pipe', 'full-10']

/** With 1000 sessions, each with a stream. */
const CROWD = { sessions: 1_000, streams: true, targets: ['direct', ...FEW] }

/** Measured when no shape is chosen: what docs/performance.md shows. */
export const DEFAULT_SHAPES: readonly Shape[] = [
  // What is required of it is a few percent of a ratio, and two starts of one program differ by as much.
  shape('json-200B', 200, 32, { starts: 3 }),
  shape('json-200B', 200, 1, { targets: FEW }),
  shape('json-200B', 200, 256, { targets: PAIR }),
  shape('json-200B', 200, 1_000, { targets: PAIR }),
  shape('json-4KB', 4_096, 32, { targets: FEW }),
  shape('json-64KB', 65_536, 32, { targets: FEW }),
  shape('json-1MB', 1_048_576, 8, { targets: [...FEW, 'direct'] }),
  shape('sse-200B', 200, 32, { form: 'sse', targets: FEW }),
  shape('sse20-200B', 200, 32, { form: 'sse', events: 20, targets: FEW }),
  shape('stateless-200B', 200, 32, { era: 'modern', sessions: 0, targets: FEW }),
  shape('idle1000-200B', 200, 32, CROWD),
  shape('idle1000-200B', 200, 32, { ...CROWD, rate: 500 }),
  shape('sdk-200B', 200, 8, { sdk: true, sessions: 0, targets: ['direct', ...FEW] }),
  shape('stdio-200B', 200, 32, { job: 'stdio', sessions: 4 }),
  shape('bridge-200B', 200, 32, { job: 'bridge', sessions: 0 }),
]

/** Measured only when chosen by name, or with `--all`. */
const FURTHER_SHAPES: readonly Shape[] = [
  shape('json-200B', 200, 32, { rate: 500 }),
  shape('json-200B', 200, 32, { rate: 2_000 }),
  shape('json-4KB', 4_096, 256, { targets: FEW }),
  shape('json-64KB', 65_536, 256, { targets: FEW }),
  shape('sse-4KB', 4_096, 32, { form: 'sse' }),
  shape('sse-64KB', 65_536, 32, { form: 'sse' }),
  shape('sse-1MB', 1_048_576, 8, { form: 'sse' }),
  shape('sse20-200B', 200, 256, { form: 'sse', events: 20, targets: FEW }),
  shape('stateless-200B', 200, 1_000, { era: 'modern', sessions: 0, targets: FEW }),
  shape('stdio-200B', 200, 1, { job: 'stdio', sessions: 1 }),
  shape('stdio-64KB', 65_536, 32, { job: 'stdio', sessions: 4 }),
  shape('bridge-200B', 200, 1, { job: 'bridge', sessions: 0 }),
  shape('bridge-64KB', 65_536, 32, { job: 'bridge', sessions: 0 }),
]

export const ALL_SHAPES: readonly Shape[] = [...DEFAULT_SHAPES, ...FURTHER_SHAPES]

/** All shapes that a word of `--shape` stands for: one by its id, or a family's. */
export function findShapes(word: string, shapes: readonly Shape[]): readonly Shape[] {
  return shapes.filter(({ id, family }) => id === word || family === word)
}

/** Where the upstream answers in this shape. */
export function pathOf({ form, messageBytes, events }: Shape): string {
  return `/${form}/${messageBytes}/${events}`
}

/** Every size with every number of calls under way. */
export function shapesOf(
  family: string,
  sizes: Readonly<Record<string, number>>,
  underWay: readonly number[],
): readonly Shape[] {
  return Object.entries(sizes).flatMap(([size, messageBytes]) =>
    underWay.map((connections) => shape(`${family}-${size}`, messageBytes, connections)),
  )
}

/** A shape in which everything else is usual. */
export function shape(
  family: string,
  messageBytes: number,
  connections: number,
  further: Partial<Shape> = {},
): Shape {
  const rate = further.rate === undefined ? '' : `/${further.rate}`
  return {
    ...PLAIN,
    id: `${family}@${connections}${rate}`,
    family,
    messageBytes,
    connections,
    ...further,
  }
}
