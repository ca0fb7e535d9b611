/** The tools of one upstream, as they may be shown: names, digests and sizes, no texts. */

import type { PinSettings } from './pins.ts'

export interface CatalogueView {
  readonly upstream: string
  /** Of the whole list that was read last; 0 before the first. */
  readonly tools: number
  readonly bytes: number
  readonly tokens: number
  readonly pins?: PinSettings
  readonly list: readonly {
    readonly name: string
    /** One for each definition that is shown now. */
    readonly digests: readonly string[]
    readonly bytes: number
    readonly tokens: number
    /** How it stands to its pin, with pins. */
    readonly pin?: 'pinned' | 'changed' | 'unpinned'
  }[]
}
