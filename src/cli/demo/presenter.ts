/** Shows the demo while it runs: as a live screen on a terminal, else as plain lines. */

import type { CommandContext } from '../command.ts'
import { formatCall, formatSummary } from './format.ts'
import type { Child } from './children.ts'
import { LineTail } from './line-tail.ts'
import { Screen } from './screen.ts'
import type { EndedCall, Snapshot } from './stats.ts'
import { renderView, type ViewOptions } from './view.ts'

export interface Presenter {
  /** Everything runs from here on. */
  start(children: readonly Child[], view: ViewOptions, snapshot: () => Snapshot): void
  callEnded(call: EndedCall): void
  /** A line of the sidecar's log. */
  log(line: string): void
  /** Nothing is shown live any more; what comes next is text. */
  stop(): void
}

const SUMMARY_INTERVAL_MS = 5_000
const REDRAW_INTERVAL_MS = 500
const NOTICES_MAX = 20

export function createPresenter(context: CommandContext, plain: boolean): Presenter {
  const { terminal, env } = context
  if (plain || terminal === undefined || env['TERM'] === 'dumb') return plainPresenter(context)
  return livePresenter(context, terminal)
}

function plainPresenter(context: CommandContext): Presenter {
  let timer: NodeJS.Timeout | undefined
  const say = (text: string): void => context.out(`${text}\n`)
  return {
    start: (children, view, snapshot) => {
      for (const text of startLines(children, view)) say(text)
      timer = setInterval(() => say(formatSummary(snapshot())), SUMMARY_INTERVAL_MS)
    },
    callEnded: (call) => say(formatCall(call)),
    log: (text) => context.err(text),
    stop: () => clearInterval(timer),
  }
}

function startLines(children: readonly Child[], view: ViewOptions): readonly string[] {
  return [
    `Sidelight ${view.version} demo: real MCP servers and clients`,
    ...children.map(({ name, pid }) => `process ${name}: pid ${pid ?? 'unknown'}`),
    `sidecar: ${view.dataUrl}`,
    ...(view.adminUrl === undefined
      ? []
      : [`status page: ${view.adminUrl}/`, `metrics: ${view.adminUrl}/metrics`]),
    ...view.hints.flatMap(({ about, text }) => [about, `  ${text}`]),
  ]
}

function livePresenter(
  context: CommandContext,
  terminal: NonNullable<CommandContext['terminal']>,
): Presenter {
  const screen = new Screen({
    color: (context.env['NO_COLOR'] ?? '') === '',
    columns: terminal.columns,
    write: (text) => context.out(text),
  })
  const notices = new LineTail(NOTICES_MAX)
  let timer: NodeJS.Timeout | undefined
  // Whatever ends the process, the terminal is left as it was.
  const leave = (): void => screen.leave()
  return {
    start: (_children, view, snapshot) => {
      const draw = (): void => {
        const size = { columns: terminal.columns(), rows: terminal.rows() }
        screen.draw(renderView(snapshot(), view, size, notices.lines().at(-1)))
      }
      process.once('exit', leave)
      screen.enter()
      draw()
      timer = setInterval(draw, REDRAW_INTERVAL_MS)
    },
    callEnded: () => {},
    log: (text) => notices.add(text),
    stop: () => {
      clearInterval(timer)
      screen.leave()
      process.off('exit', leave)
      for (const text of notices.lines()) context.err(`${text}\n`)
    },
  }
}
