/** A file that is made from the typed source, and committed. */

export interface GeneratedFile {
  /** From the repository's root. */
  readonly path: string
  readonly text: string
}

/** Said at the head of every generated file that has comments. */
export const GENERATED_NOTE = 'Made by `npm run grafana:generate` from grafana/src; do not edit.'
