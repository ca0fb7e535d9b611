/** One conversation that every client holds on every way through Sidelight. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { closeAfterTest } from '../support/scope.ts'
import { bounded, SOON, waitFor } from '../support/wait-for.ts'
import { ROUTES, type Program, type Route, type Witness } from './routes.ts'

/** What a client makes of a tool's answer. */
export interface Shown {
  readonly text: string
  /** How the client shows that the tool failed; absent when it did not. */
  readonly failed?: string
}

/** A connected client. */
export interface Driver {
  /** The names of the tools, as the client gives them. */
  tools(): Promise<readonly string[]>
  call(tool: string, args?: Record<string, unknown>): Promise<Shown>
  /** What else the client can do, with its own asserts. */
  more?(route: Route): Promise<void>
  /** Answers a question in the middle of a call, and cancels another call at a process. */
  interrupt?(): Promise<void>
  close(): Promise<void>
}

export interface ClientUnderTest {
  readonly name: string
  /**
   * `legacy` always begins with `initialize`, `modern` never does, `auto` does so when the server
   * wants it, and of `either` nobody knows.
   */
  readonly era: 'legacy' | 'modern' | 'auto' | 'either'
  readonly http?: (url: string) => Promise<Driver>
  readonly stdio?: (program: Program) => Promise<Driver>
  /** How a tool that failed is shown. */
  readonly failure: Shown
  /** Whether its drivers have `more` and `interrupt`. */
  readonly more?: boolean
  /** The name the client gives to a tool of the server. */
  readonly toolName?: (tool: string) => string
}

/** A conversation takes one or two seconds; each has one or two processes to start. */
const WITHIN = 30_000

/** One test per route that the client can take, and another one if it can do more. */
export function testEveryRoute(client: ClientUnderTest, routes = ROUTES): void {
  describe(client.name, () => {
    for (const route of routes) {
      const connect = connectorOf(client, route)
      if (connect === undefined) continue
      it(`lists tools, calls one and sees another fail ${route.name}`, async () => {
        const { target, witness, close } = await route.open()
        const driver = await open(connect, target)
        const pid = await converse(client, driver, route)
        await assertSeen(client, witness, route)
        await witness.assertCounted(['ok', 'tool_error'])
        await driver.close()
        await close()
        await witness.assertSettled()
        if (pid !== undefined) await assertGone(pid)
      })
      if (client.more !== true) continue
      it(`hears of progress, reads a resource and gets a prompt ${route.name}`, async () => {
        const { target, witness, close } = await route.open()
        const driver = await open(connect, target)
        const more = driver.more?.(route) ?? assert.fail('there is no more')
        await bounded(more, { within: WITHIN, what: 'the answers' })
        for (const method of ['tools/call', 'resources/read', 'prompts/get']) {
          assert.deepEqual(new Set(await outcomesSeen(witness, method)), new Set(['ok']), method)
        }
        await driver.close()
        await close()
        await witness.assertSettled()
      })
      if (!route.process) continue
      it(`answers a question and cancels a call ${route.name}`, async () => {
        const { target, witness, close } = await route.open()
        const driver = await open(connect, target)
        const interrupt = driver.interrupt?.() ?? assert.fail('it cannot interrupt')
        await bounded(interrupt, { within: WITHIN, what: 'the cancellation' })
        const legs = isLegacy(client, route) ? ['ok'] : ['input_required', 'ok']
        const asked = await outcomesSeen(witness, 'tools/call', 'ask', legs.length)
        assert.deepEqual(asked, legs)
        assert.deepEqual(await outcomesSeen(witness, 'tools/call', 'wait'), ['cancelled'])
        await driver.close()
        await close()
        await witness.assertSettled()
      })
    }
  })
}

type Connect = (target: string | Program) => Promise<Driver>

async function open(connect: Connect, target: string | Program): Promise<Driver> {
  const driver = await bounded(connect(target), { within: WITHIN, what: 'a connection' })
  closeAfterTest(() => driver.close())
  return driver
}

/** What both official SDKs have in common. */
interface SdkClient {
  listTools(): Promise<{ readonly tools: readonly { readonly name: string }[] }>
  callTool(params: { name: string; arguments: Record<string, unknown> }): Promise<object>
  readResource(params: { uri: string }): Promise<{ readonly contents: readonly object[] }>
  getPrompt(params: {
    name: string
    arguments: Record<string, string>
  }): Promise<{ readonly messages: readonly object[] }>
  close(): Promise<void>
}

interface CallOptions {
  readonly onprogress?: (progress: { readonly progress: number }) => void
  readonly signal?: AbortSignal
}

type CallWithOptions = (tool: string, options: CallOptions) => Promise<object>

/** What a client on an official SDK answers to a form of the server. */
export const FORM = { action: 'accept' as const, content: { name: 'Ada' } }

/** A client of an official SDK; `callWithOptions` is where the two differ. */
export function driveSdk(client: SdkClient, callWithOptions: CallWithOptions): Driver {
  return {
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args = {}) => showResult(await client.callTool({ name, arguments: args })),
    more: async (route) => {
      await assertProgress(route.from === 'http' || route.process, callWithOptions)
      const { contents } = await client.readResource({ uri: 'test://fixed' })
      assert.equal(textOf(contents), 'fixed text')
      const prompt = await client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } })
      assert.match(JSON.stringify(prompt.messages), /Hello Ada/)
    },
    interrupt: async () => {
      assert.deepEqual(showResult(await callWithOptions('ask', {})), { text: 'asked Ada' })
      const control = new AbortController()
      const { signal } = control
      const call = callWithOptions('wait', { signal, onprogress: () => control.abort() })
      await assert.rejects(call, /abort/i)
      await waitFor(async () => showResult(await callWithOptions('cancelled', {})).text === '1', {
        within: SOON,
        what: 'the server to hear of the cancellation',
      })
    },
    close: () => client.close(),
  }
}

/** The SDKs lose progress that they read in one piece with the answer; a busy machine does that. */
const PROGRESS_ATTEMPTS = 5

/** `apart` says that nothing but the server decides what is read in one piece. */
async function assertProgress(apart: boolean, call: CallWithOptions): Promise<void> {
  for (let attempt = 1; attempt <= PROGRESS_ATTEMPTS; attempt += 1) {
    const heard: number[] = []
    const onprogress: CallOptions['onprogress'] = ({ progress }) => void heard.push(progress)
    const result = await call('progress', { onprogress })
    // The tool says otherwise when nobody asked it for progress.
    assert.deepEqual(showResult(result), { text: 'progressed' })
    assert.deepEqual(heard, [1, 2, 3].slice(0, heard.length))
    if (heard.length === 3 || !apart) return
  }
  assert.fail('progress was never heard of as a whole')
}

/** A `CallToolResult` as it is. */
export function showResult(result: object): Shown {
  const failed = 'isError' in result && result.isError === true
  const text = textOf('content' in result ? result.content : undefined)
  return failed ? { text, failed: 'isError' } : { text }
}

/** The text of content or of a list of it; what has no text shows itself as JSON. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (Array.isArray(content)) return content.map(textOf).join('')
  return typeof content === 'object' && content !== null && 'text' in content
    ? String(content.text)
    : JSON.stringify(content)
}

function connectorOf(client: ClientUnderTest, route: Route): Connect | undefined {
  if (client.era === 'modern' && route.server === 'v1') return undefined
  const { http, stdio } = client
  if (route.from === 'http') {
    return http && ((target) => http(typeof target === 'string' ? target : ''))
  }
  return stdio && ((target) => stdio(typeof target === 'string' ? assert.fail(target) : target))
}

/** What every client does on every route; the pid of the server when it is a process. */
async function converse(
  { failure, toolName = (tool) => tool }: ClientUnderTest,
  driver: Driver,
  route: Route,
): Promise<number | undefined> {
  const within = { within: WITHIN, what: 'an answer' }
  const tools = await bounded(driver.tools(), within)
  for (const tool of ['echo', 'fail', 'progress', 'wait']) {
    assert.ok(tools.includes(toolName(tool)), `${tool} is missing in ${tools.join()}`)
  }
  const text = 'Grüße, "quoted" and 1.0'
  assert.deepEqual(await bounded(driver.call('echo', { text }), within), { text })
  assert.deepEqual(await bounded(driver.call('fail'), within), failure)
  if (!route.process) return undefined
  const { text: pid } = await bounded(driver.call('pid'), within)
  assert.match(pid, /^\d+$/)
  assert.notEqual(Number(pid), process.pid)
  return Number(pid)
}

async function assertSeen(client: ClientUnderTest, witness: Witness, route: Route): Promise<void> {
  const seen = async (method: string, tool?: string): Promise<ReadonlySet<string>> =>
    new Set(await outcomesSeen(witness, method, tool))
  assert.deepEqual(await seen('tools/list'), new Set(['ok']))
  assert.deepEqual(await seen('tools/call', 'echo'), new Set(['ok']))
  assert.deepEqual(await seen('tools/call', 'fail'), new Set(['tool_error']))
  if (client.era === 'either') return
  if (isLegacy(client, route)) assert.deepEqual(await seen('initialize'), new Set(['ok']))
  else assert.deepEqual(await witness.outcomes('initialize'), [])
}

function isLegacy({ era }: ClientUnderTest, { server }: Route): boolean {
  return era === 'legacy' || server === 'v1'
}

/** The outcomes of a method's calls (and tool's), as soon as there are so many. */
async function outcomesSeen(
  witness: Witness,
  method: string,
  tool?: string,
  count = 1,
): Promise<readonly string[]> {
  return waitFor(
    async () => {
      const outcomes = await witness.outcomes(method, tool)
      return outcomes.length >= count && outcomes
    },
    { within: SOON, what: `Sidelight to tell of ${method} ${tool ?? ''}` },
  )
}

/** A process that does not end by itself is ended here, so that nothing is left running. */
async function assertGone(pid: number): Promise<void> {
  const running = (): boolean => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  try {
    await waitFor(() => !running(), { within: SOON, what: `the end of the server ${pid}` })
  } finally {
    if (running()) process.kill(pid, 'SIGKILL')
  }
}
