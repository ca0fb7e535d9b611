/** What is asked of targets over pipes: the size of the result, and how many calls are under way. */

import { shapesOf, type Shape } from './shapes.ts'

/** The shape of the goal. */
export const STDIO_REQUIRED_SHAPE = 'lines-200B@32'

const SIZES: Readonly<Record<string, number>> = {
  '200B': 200,
  '4KB': 4_096,
  '64KB': 65_536,
  '1MB': 1_048_576,
}

export const STDIO_SHAPES: readonly Shape[] = shapesOf('lines', SIZES, [32, 1])
