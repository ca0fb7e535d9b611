/** What the model is to read on each kind of bad day, whichever client it is behind. */

import type { Fault } from './faults.ts'

export interface BadDay {
  /** As it reads after "an upstream that". */
  readonly what: string
  readonly faults: readonly Fault[]
  /** Calls that came before, whatever became of them. */
  readonly callsBefore: number
  /** The text of the tool's result, whole. */
  readonly text: RegExp
}

const ONCE_MORE =
  'You may try once more in \\d+ s; if that fails too, go on without this tool and tell the user\\.'

const NOT_BEFORE =
  'Do not call it before \\d+ s have passed, with these or other arguments: it would be refused again\\. ' +
  'Go on with what does not need it, or tell the user; you may try once more after that\\.'

/** The call was made. */
const failed = (text: string): RegExp =>
  new RegExp(`^The MCP server "main" ${text} Your arguments are not at fault\\. ${ONCE_MORE}$`)

/** It was not. */
const refused = (text: string): RegExp =>
  new RegExp(
    `^The MCP server "main" was not called: ${text} Your arguments are not at fault\\. ${NOT_BEFORE}$`,
  )

const DEAD: Fault = { kind: 'refuse' }

export const BAD_DAYS: readonly BadDay[] = [
  {
    what: 'is dead',
    faults: [DEAD],
    callsBefore: 0,
    text: failed('cannot be reached\\. The tool did not run\\.'),
  },
  {
    what: 'has been dead for five calls',
    faults: [DEAD],
    callsBefore: 5,
    text: refused('The upstream has been failing, so calls to it are paused\\.'),
  },
  {
    what: 'breaks off',
    faults: [{ kind: 'reset', afterBytes: 0 }],
    callsBefore: 0,
    text: failed(
      'broke the connection before it answered\\. It is not known whether the tool ran: before you repeat a call that changes something, check with one that only reads\\.',
    ),
  },
  {
    what: 'talks garbage',
    faults: [{ kind: 'garbage' }],
    callsBefore: 0,
    text: failed(
      'sent something that is not a valid answer\\. It is not known whether the tool ran: before you repeat a call that changes something, check with one that only reads\\.',
    ),
  },
  {
    what: 'throttles',
    faults: [
      {
        kind: 'answer',
        methods: ['tools/call'],
        status: '429 Too Many Requests',
        headers: ['Retry-After: 30'],
      },
    ],
    callsBefore: 1,
    text: refused('The upstream asked for fewer calls \\(it answered 429 with Retry-After\\)\\.'),
  },
]
