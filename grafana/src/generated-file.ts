/** What is made from the typed source in this directory. */

export type { GeneratedFile } from '../../scripts/generated.ts'

/** Said at the head of every generated file that has comments. */
export const GENERATED_NOTE = 'Made by `npm run grafana:generate` from grafana/src; do not edit.'
