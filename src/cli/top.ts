/** `sidelight top`: a running sidecar, live in a terminal, or as plain text. */

import { WINDOWS, type Window } from '../http/api/stats-schema.ts'
import { EXIT, type CommandContext } from './command.ts'
import { Screen } from './demo/screen.ts'
import { formatTime } from './demo/format.ts'
import { line, piece, textOf } from './demo/text.ts'
import type { FlagValues } from './flags.ts'
import { takePicture, type ApiClientOptions, type Picture } from './top/client.ts'
import { renderTop, SORTS, type Shown, type Sort } from './top/view.ts'

interface TopOptions extends ApiClientOptions {
  readonly once: boolean
  readonly window: Window
  readonly sort: Sort
}

const DEFAULT_URL = 'http://127.0.0.1:9464'

const LIVE_MS = 1_000
const PLAIN_MS = 5_000

/** Of plain text, which nobody cuts to a screen. */
const PLAIN_SIZE = { columns: 120, rows: 60 }

export async function topCommand(flags: FlagValues, context: CommandContext): Promise<number> {
  const options = readOptions(flags)
  if (typeof options === 'string') {
    context.err(`${options}\n`)
    return EXIT.usage
  }
  if (options.once) return printOnce(options, context)
  const { terminal, env } = context
  if (terminal === undefined || env['TERM'] === 'dumb') return printOften(options, context)
  return showLive(options, context, terminal)
}

function readOptions(flags: FlagValues): TopOptions | string {
  const { url = DEFAULT_URL, 'token-file': tokenFile, window = '5m', sort = 'p95' } = flags
  if (typeof url !== 'string' || !/^https?:\/\//.test(url) || !URL.canParse(url)) {
    return 'sidelight top: --url: expected an address such as http://127.0.0.1:9464'
  }
  const knownWindow = WINDOWS.find((one) => one === window)
  if (knownWindow === undefined) {
    return `sidelight top: --window: expected one of ${WINDOWS.join(', ')}`
  }
  const knownSort = SORTS.find((one) => one === sort)
  if (knownSort === undefined) return `sidelight top: --sort: expected one of ${SORTS.join(', ')}`
  return {
    url,
    tokenFile: typeof tokenFile === 'string' ? tokenFile : undefined,
    once: flags['once'] === true,
    window: knownWindow,
    sort: knownSort,
  }
}

async function printOnce(options: TopOptions, context: CommandContext): Promise<number> {
  const picture = await takePicture(options, options.window)
  if (picture.kind === 'failed') {
    context.err(`sidelight top: ${options.url}: ${picture.message}\n`)
    return EXIT.failed
  }
  context.out(plainText(picture, options))
  return EXIT.ok
}

function plainText(picture: Picture, { url, window, sort }: TopOptions): string {
  const lines = renderTop(picture, { url, window, sort, notice: undefined }, PLAIN_SIZE)
  return `${lines.map((one) => textOf(one).trimEnd()).join('\n')}\n`
}

/** Where there is no terminal: a picture now and then, with a line between, until it is told to stop. */
async function printOften(options: TopOptions, context: CommandContext): Promise<number> {
  const wait = createWait(context)
  while (!wait.over) {
    const picture = await takePicture(options, options.window)
    const time = formatTime(context.clock.wallMs())
    context.out(
      picture.kind === 'failed'
        ? `${time} ${options.url}: ${picture.message}; trying again\n`
        : `${time}\n${plainText(picture, options)}\n`,
    )
    await wait.pause(PLAIN_MS)
  }
  return EXIT.ok
}

async function showLive(
  options: TopOptions,
  context: CommandContext,
  terminal: NonNullable<CommandContext['terminal']>,
): Promise<number> {
  const screen = new Screen({
    color: (context.env['NO_COLOR'] ?? '') === '',
    columns: terminal.columns,
    write: (text) => context.out(text),
  })
  const wait = createWait(context)
  let shown: Shown = { ...options, notice: undefined }
  let picture: Picture | undefined
  const draw = (): void => {
    const size = { columns: terminal.columns(), rows: terminal.rows() }
    const lines = renderTop(picture, shown, { ...size, rows: size.rows - 1 })
    screen.draw([...lines, footer(shown)])
  }
  const stopKeys = terminal.onKey?.((key) => {
    const next = afterKey(shown, key)
    if (next === 'quit') return wait.end()
    if (next === shown) return
    const other = next.window !== shown.window
    shown = next
    draw()
    if (other) wait.wake()
  })
  // Whatever ends the process, the terminal is left as it was.
  const leave = (): void => screen.leave()
  process.once('exit', leave)
  screen.enter()
  draw()
  while (!wait.over) {
    const { window } = shown
    const next = await takePicture(options, window)
    if (next.kind === 'picture') picture = next
    shown = { ...shown, notice: noticeOf(next, context) }
    if (wait.over) break
    draw()
    await wait.pause(window === shown.window ? LIVE_MS : 0)
  }
  stopKeys?.()
  leave()
  process.off('exit', leave)
  return EXIT.ok
}

function noticeOf(
  next: Awaited<ReturnType<typeof takePicture>>,
  { clock }: CommandContext,
): string | undefined {
  if (next.kind === 'picture') return undefined
  return `${formatTime(clock.wallMs())} ${next.message}; trying again`
}

function footer({ sort, window }: Shown): ReturnType<typeof line> {
  return line(piece(`q quit  s sort (${sort})  w window (${window})`, 'faint'))
}

/** What is shown after a key; the same when the key means nothing. */
export function afterKey(shown: Shown, key: string): Shown | 'quit' {
  switch (key) {
    case 'q':
    case '\u0003':
      return 'quit'
    case 's':
      return { ...shown, sort: following(SORTS, shown.sort) }
    case 'w':
      return { ...shown, window: following(WINDOWS, shown.window) }
    default:
      return shown
  }
}

function following<T>(all: readonly T[], one: T): T {
  return all[(all.indexOf(one) + 1) % all.length] ?? one
}

interface Wait {
  readonly over: boolean
  /** Resolves after so long, when it is woken, or at the end. */
  pause(ms: number): Promise<void>
  wake(): void
  end(): void
}

/** It is over with `end`, or with a signal. */
function createWait({ stopped }: CommandContext): Wait {
  let over = false
  let wake = (): void => {}
  const end = (): void => {
    over = true
    wake()
  }
  void stopped.then(end)
  return {
    get over() {
      return over
    },
    pause: async (ms) => {
      if (over) return
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      const timer = setTimeout(resolve, ms)
      await promise
      clearTimeout(timer)
    },
    wake: () => wake(),
    end,
  }
}
