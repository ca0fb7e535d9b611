/**
 * Makes the pictures of the status page in docs/images: `npm run images`. A clock that runs eight times as
 * fast lets five minutes of traffic pass in less than one.
 */

import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BrowserContextOptions } from 'playwright-core'
import type { Clock } from '../../src/core/clock.ts'
import { startAgent } from '../support/agents.ts'
import { openPage, startBrowser } from '../support/browser.ts'
import { BILLING, FILES, SEARCH, startScene, startTraffic } from '../support/page-scene.ts'

const TIMES_FASTER = 8
const BYTES_MAX = 300_000

const startedWallMs = Date.now()
const startedMs = performance.now()

const fastClock: Clock = {
  wallMs: () => startedWallMs + (performance.now() - startedMs) * TIMES_FASTER,
  monotonicMs: () => performance.now() * TIMES_FASTER,
}

const WIDE: BrowserContextOptions = {
  viewport: { width: 1280, height: 1000 },
  deviceScaleFactor: 1.25,
}

test('pictures of the status page', { timeout: 240_000 }, async () => {
  const scene = await startScene({
    clock: fastClock,
    version: '0.1.0',
    upstream: {
      health: { method: 'auto', interval: '15s' },
      timeout: '120s',
      breaker: { openTime: '180s', recoveryTimeout: '600s' },
    },
  })
  await startTraffic(scene, 60)
  await sleep(34_000)
  // Now one server slows down, one changes a tool, and one dies.
  scene.servers.search.use(SEARCH.map((tool) => ({ ...tool, ms: tool.ms * 5 })))
  scene.servers.files.use(
    FILES.map((tool) =>
      tool.name === 'write_file' ? { ...tool, description: 'Writes any file.' } : tool,
    ),
  )
  await startAgent({ url: scene.sidecar.url('files'), tools: ['list_directory'], pauseMs: 300 })
  scene.servers.billing.use(BILLING.map((tool) => ({ ...tool, failsEvery: 3 })))
  await sleep(5_000)
  await scene.servers.billing.close()
  await sleep(6_000)

  const browser = await startBrowser()
  const shoot = async (
    name: string,
    options: BrowserContextOptions,
    act: 'top' | 'call' = 'top',
  ): Promise<void> => {
    const { page, complaints } = await openPage(browser, scene.sidecar.adminUrl, options)
    await page.waitForSelector('#calls tr.row')
    await page.waitForSelector('#tools tbody .name')
    await sleep(1_500)
    const path = `docs/images/${name}.png`
    if (act === 'call') {
      await page.locator('#call-filter').fill('search_pages')
      await page.locator('#calls .expander').first().click()
      await page.locator('#calls').screenshot({ path })
    } else await page.screenshot({ path })
    assert.deepEqual(complaints, [])
    assert.ok(statSync(path).size < BYTES_MAX, `${path}: ${statSync(path).size} bytes`)
    await page.context().close()
  }
  await shoot('status-page', { ...WIDE, colorScheme: 'light' })
  await shoot('status-page-dark', { ...WIDE, colorScheme: 'dark' })
  await shoot('status-page-call', { ...WIDE, colorScheme: 'light' }, 'call')
  await shoot('status-page-phone', {
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 1.5,
  })
})
