/** What the status page is shown with: four servers that behave differently, and agents that use them. */

import type { Clock } from '../../src/core/clock.ts'
import { startAgent } from './agents.ts'
import { startTestSidecar, type TestSidecar } from './test-sidecar.ts'
import { startToolServer, type ServedTool, type ToolServer } from './tool-server.ts'

const tool = (name: string, ms: number, failsEvery?: number): ServedTool => ({
  name,
  description: `The tool ${name} of this server, described as tools are: in a sentence or two.`,
  ms,
  ...(failsEvery === undefined ? {} : { failsEvery }),
})

export const WEATHER = [tool('get_forecast', 8), tool('get_alerts', 5), tool('geocode', 3)]
export const FILES = [tool('read_file', 2), tool('list_directory', 2), tool('write_file', 4, 40)]
export const SEARCH = [tool('search_pages', 40), tool('summarize', 90, 60)]
export const BILLING = [tool('create_invoice', 6), tool('refund', 9, 40)]

export interface Scene {
  readonly sidecar: TestSidecar
  readonly servers: Readonly<Record<'weather' | 'files' | 'search' | 'billing', ToolServer>>
}

export interface SceneOptions {
  readonly clock?: Clock
  readonly version?: string
  readonly config?: Readonly<Record<string, unknown>>
  /** Merged into the configuration of every upstream. */
  readonly upstream?: Readonly<Record<string, unknown>>
}

export async function startScene(options: SceneOptions = {}): Promise<Scene> {
  const [weather, files, search, billing] = await Promise.all(
    [WEATHER, FILES, SEARCH, BILLING].map((tools) => startToolServer(tools)),
  )
  if (!weather || !files || !search || !billing) throw new Error('a server did not start')
  const servers = { weather, files, search, billing }
  const sidecar = await startTestSidecar({
    upstreams: Object.fromEntries(
      Object.entries(servers).map(([name, { url }]) => [name, { url, ...options.upstream }]),
    ),
    config: { ui: { traceUrl: 'http://127.0.0.1:16686/trace/{traceId}' }, ...options.config },
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.version === undefined ? {} : { version: options.version }),
  })
  return { sidecar, servers }
}

/** Agents for every server, each with its own pace. */
export async function startTraffic({ sidecar }: Scene, pauseMs: number): Promise<void> {
  const names = (tools: readonly ServedTool[]): string[] => tools.map(({ name }) => name)
  const plans = [
    { url: sidecar.url('weather'), tools: names(WEATHER), pauseMs },
    { url: sidecar.url('weather'), tools: ['get_forecast'], pauseMs: pauseMs * 1.4 },
    { url: sidecar.url('files'), tools: names(FILES), pauseMs: pauseMs * 1.6 },
    { url: sidecar.url('search'), tools: names(SEARCH), pauseMs },
    { url: sidecar.url('billing'), tools: names(BILLING), pauseMs: pauseMs * 2 },
  ]
  await Promise.all(plans.map((plan) => startAgent(plan)))
}
