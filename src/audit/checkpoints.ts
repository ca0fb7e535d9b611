/** Reads checkpoints from wherever they were kept: our own file, a log, or notes as they are. */

import { rootOf, type TreeEdge } from './merkle.ts'
import { membersOf } from './record.ts'
import { openCheckpoint, type Checkpoint, type NoteVerifier } from './signed-note.ts'

export interface FoundCheckpoints {
  /** Those that the key has signed, in their order. */
  readonly good: readonly Checkpoint[]
  /** Notes that name the log but are not signed by its key. */
  readonly bad: number
}

/** The attribute of the log event that carries a note. */
export const NOTE_ATTRIBUTE = 'sidelight.audit.note'

/** A line of the checkpoint file. */
export function checkpointLine(atWallMs: number, note: string): string {
  return `${JSON.stringify({ time: new Date(atWallMs).toISOString(), note })}\n`
}

export function checkpointsIn(text: string, verifier: NoteVerifier): FoundCheckpoints {
  const good: Checkpoint[] = []
  let bad = 0
  for (const note of notesIn(text)) {
    const checkpoint = openCheckpoint(note, verifier)
    if (checkpoint !== undefined) good.push(checkpoint)
    else if (note.startsWith(`${verifier.name}\n`)) bad += 1
  }
  return { good, bad }
}

/** Checkpoints by how many records they count, to be held against the log as it is read. */
export class CheckpointBook {
  readonly #bySize = new Map<number, Checkpoint[]>()
  /** Most records that one of them counts. */
  largest = 0
  count = 0
  /** How many were held against the log. */
  checked = 0

  add(checkpoint: Checkpoint): void {
    const { size } = checkpoint
    const same = this.#bySize.get(size)
    if (same === undefined) this.#bySize.set(size, [checkpoint])
    else same.push(checkpoint)
    this.largest = Math.max(this.largest, size)
    this.count += 1
  }

  /** False when one of them counts as many records and has another root. */
  agree(tree: TreeEdge): boolean {
    const checkpoints = this.#bySize.get(tree.size)
    if (checkpoints === undefined) return true
    this.checked += checkpoints.length
    const root = rootOf(tree)
    return checkpoints.every((one) => one.root.equals(root))
  }
}

/** JSON lines with a `note`, log records with one among their attributes, or notes one after another. */
function* notesIn(text: string): Generator<string, void, undefined> {
  const plain: string[] = []
  for (const line of text.split('\n')) {
    const note = line.startsWith('{') ? noteOf(line) : undefined
    if (note === undefined) plain.push(line)
    else yield note
  }
  const notes = plain
    .join('\n')
    .matchAll(/^[^\n]+\n\d+\n[A-Za-z0-9+/=]+\n(?:[^\n]+\n)*\n(?:— [^\n]+\n?)+/gm)
  for (const [note] of notes) yield note
}

function noteOf(line: string): string | undefined {
  try {
    const members = membersOf(JSON.parse(line))
    const note = members.get('note') ?? membersOf(members.get('attributes')).get(NOTE_ATTRIBUTE)
    return typeof note === 'string' ? note : undefined
  } catch {
    return undefined
  }
}
