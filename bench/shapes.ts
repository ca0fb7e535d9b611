/** What is asked of every target: the form and size of the reply, and how many connections ask. */

export type ReplyForm = 'json' | 'sse'

export interface Shape {
  /** `FAMILY@CONNECTIONS`, such as `json-200B@32`. */
  readonly id: string
  readonly family: string
  readonly form: ReplyForm
  /** Length of the JSON-RPC message in the reply; an SSE event's own text comes on top. */
  readonly messageBytes: number
  readonly connections: number
}

/** The shape of the requirement. */
export const REQUIRED_SHAPE = 'json-200B@32'

const SIZES: Readonly<Record<string, number>> = { '200B': 200, '4KB': 4_096, '64KB': 65_536 }

/** Measured when no shape is chosen. */
export const DEFAULT_SHAPES: readonly Shape[] = [
  shape('json', '200B', 32),
  shape('json', '200B', 1),
  shape('sse', '200B', 32),
  shape('json', '64KB', 32),
]

/** Measured only when chosen by name. */
const FURTHER_SHAPES: readonly Shape[] = [
  shape('json', '4KB', 32),
  shape('sse', '4KB', 32),
  shape('sse', '64KB', 32),
]

export const ALL_SHAPES: readonly Shape[] = [...DEFAULT_SHAPES, ...FURTHER_SHAPES]

/** All shapes that a word of `--shape` stands for: one by its id, or a family's. */
export function findShapes(word: string, shapes: readonly Shape[]): readonly Shape[] {
  return shapes.filter(({ id, family }) => id === word || family === word)
}

/** Where the upstream answers in this shape. */
export function pathOf({ form, messageBytes }: Shape): string {
  return `/${form}/${messageBytes}`
}

/** Every size with every number of calls under way. */
export function shapesOf(
  family: string,
  sizes: Readonly<Record<string, number>>,
  underWay: readonly number[],
): readonly Shape[] {
  return Object.entries(sizes).flatMap(([size, messageBytes]) =>
    underWay.map((connections) => ({
      id: `${family}-${size}@${connections}`,
      family: `${family}-${size}`,
      form: 'json' as const,
      messageBytes,
      connections,
    })),
  )
}

function shape(form: ReplyForm, size: string, connections: number): Shape {
  const family = `${form}-${size}`
  const messageBytes = SIZES[size] ?? 0
  return { id: `${family}@${connections}`, family, form, messageBytes, connections }
}
