/** The status page in a real browser, in front of real servers and agents. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { startAgent } from '../support/agents.ts'
import { browserMissing, openPage, startBrowser } from '../support/browser.ts'
import { startScene, startTraffic, WEATHER, type Scene } from '../support/page-scene.ts'
import { startTestSidecar } from '../support/test-sidecar.ts'
import { startToolServer } from '../support/tool-server.ts'
import { waitFor } from '../support/wait-for.ts'

const missing = browserMissing()
if (missing !== undefined) console.error(`The status page is NOT tested: ${missing}`)

/** A browser on a busy machine. */
const PATIENCE = 40_000

const HOSTILE = '<img src=x onerror="document.title=\'owned\'">'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds wrong, in words: with all rules, or these. */
async function violations(page: Page, only?: readonly string[]): Promise<readonly string[]> {
  const options = JSON.stringify({
    resultTypes: ['violations'],
    ...(only === undefined ? {} : { runOnly: only }),
  })
  // The page's own policy lets no other script in, not even this one: it comes by the debugger.
  const session = await page.context().newCDPSession(page)
  await session.send('Runtime.evaluate', { expression: axe })
  const { result } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, ${options}).then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).slice(0, 3).join(' ')))`,
    awaitPromise: true,
    returnByValue: true,
  })
  return result.value
}

async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).first().innerText()).replaceAll(/\s+/g, ' ')
}

function cardOf(upstream: string): string {
  return `[data-upstream="${upstream}"]`
}

async function isEmptyAtFirst(page: Page): Promise<void> {
  await page.waitForSelector(cardOf('weather'), { timeout: PATIENCE })
  assert.match(await textOf(page, '#calls'), /No calls yet Point a client at the address/)
  assert.match(await textOf(page, '#tools'), /No tools yet/)
  assert.match(await textOf(page, '#main'), /No verdict yet No calls yet\./)
  assert.match(await textOf(page, '#connect'), /"mcpServers": \{ "weather": \{ "type": "http"/)
}

async function showsTheFiguresOfTheApi(page: Page, { sidecar }: Scene): Promise<void> {
  const shown = (): Promise<string> => textOf(page, '#tools tbody')
  await waitFor(async () => (await shown()).includes('get_forecast') && (await shown()), {
    within: PATIENCE,
    what: 'the table of tools',
  })
  await page.waitForSelector('#calls tr.row', { timeout: PATIENCE })
  const reply = await fetch(`${sidecar.adminUrl}/api/v1/tools?window=5m`)
  const { tools }: { tools: readonly { tool: string; contextTokens: number }[] } = JSON.parse(
    await reply.text(),
  )
  const row = await textOf(page, '#tools tbody tr:has-text("get_alerts")')
  const tokens = tools.find(({ tool }) => tool === 'get_alerts')?.contextTokens
  assert.match(row, new RegExp(`^get_alerts weather \\d+ .* ${tokens}$`))
  assert.match(await textOf(page, cardOf('weather')), /weather .* http · .*\/mcp Calls\/s /)
}

async function sortsAndFiltersByKeyboard(page: Page): Promise<void> {
  await page.locator('#tools th button', { hasText: /^Tool$/ }).focus()
  await page.keyboard.press('Enter')
  const first = (): Promise<string> => textOf(page, '#tools tbody tr:nth-child(2) .name')
  assert.equal(await first(), 'create_invoice')
  assert.equal(await page.locator('#tools th[aria-sort=ascending]').count(), 1)
  await page.locator('#tool-filter').focus()
  await page.keyboard.type('FORE')
  assert.equal(await first(), 'get_forecast')
  assert.equal(await page.locator('#tools tbody tr:not(.pad)').count(), 1)
  await page.locator('#tool-filter').fill('nothing like it')
  assert.match(await textOf(page, '#tools'), /No tool fits the filter/)
  await page.locator('#tool-filter').fill('')
}

async function opensACall(page: Page): Promise<void> {
  await page.locator('#tool-filter').fill('get_forecast')
  await page.locator('#call-filter').fill('get_forecast')
  await page.locator('#calls .expander').first().focus()
  await page.keyboard.press('Enter')
  const details = await textOf(page, '#calls .detail')
  for (const phase of ['Read', 'Auth', 'Queue', 'Connect', 'First event', 'Body']) {
    assert.match(details, new RegExp(`${phase} \\d`), phase)
  }
  assert.match(details, /Method tools\/call Outcome ok Counts as success/)
  const link = page.locator('#calls .detail a', { hasText: 'Open trace' })
  assert.match(
    (await link.getAttribute('href')) ?? '',
    /^http:\/\/127\.0\.0\.1:16686\/trace\/[0-9a-f]{32}$/,
  )
  assert.equal(await link.getAttribute('rel'), 'noreferrer noopener')
  assert.deepEqual(await violations(page), [])
  await page.keyboard.press('Enter')
  await page.locator('#calls button', { hasText: 'Resume' }).click()
  await page.locator('#call-filter').fill('')
  await page.locator('#tool-filter').fill('')
}

async function ordersABreaker(page: Page, { sidecar }: Scene): Promise<void> {
  await page
    .locator(cardOf('files'))
    .getByRole('button', { name: /Breaker/ })
    .click()
  const dialog = page.getByRole('dialog', { name: 'Breaker of files' })
  await dialog.getByRole('radio', { name: /^Open/ }).check()
  await dialog.getByLabel('Your name').fill('Ada')
  assert.deepEqual(await violations(page), [])
  // Nothing is ordered without a reason.
  await dialog.getByRole('button', { name: 'Order it' }).click()
  assert.equal(await dialog.isVisible(), true)
  await dialog.getByLabel('Why').fill('maintenance')
  await dialog.getByRole('button', { name: 'Order it' }).click()
  await page.waitForSelector(`${cardOf('files')} :text("forced open")`, { timeout: PATIENCE })
  const order = sidecar.logs.find(({ event }) => event === 'sidelight.breaker.order')
  assert.deepEqual(
    [order?.fields['sidelight.breaker.order.actor'], order?.fields['sidelight.breaker.action']],
    ['Ada', 'force-open'],
  )
  await page.waitForSelector('#calls .pill:text("refused: breaker open")', { timeout: PATIENCE })
}

async function showsAnUpstreamThatDied(page: Page, { servers }: Scene): Promise<void> {
  await servers.billing.close()
  const open = `${cardOf('billing')} .pill:has-text("breaker open, asks again in")`
  await page.waitForSelector(open, { timeout: PATIENCE })
  await page.waitForSelector('.verdict[data-tone=crit]', { timeout: PATIENCE })
  await page.locator('#calls label', { hasText: 'Failures only' }).click()
  await page.waitForSelector('#calls .pill[data-tone=crit]', { timeout: PATIENCE })
}

async function showsTextAsText(page: Page, { sidecar, servers }: Scene): Promise<void> {
  servers.weather.use([...WEATHER, { name: HOSTILE, description: HOSTILE, ms: 1 }])
  await startAgent({ url: sidecar.url('weather'), tools: [HOSTILE], pauseMs: 200 })
  await page.locator('#tool-filter').fill('<img')
  const name = page.locator('#tools tbody .name').first()
  await waitFor(async () => (await name.count()) > 0, {
    within: PATIENCE,
    what: 'the tool with a hostile name',
  })
  assert.ok((await name.innerText()).startsWith(HOSTILE))
  assert.equal(await page.title(), 'Sidelight')
  assert.equal(await page.locator('img:not(.brand img)').count(), 0)
  const drift = await waitFor(
    async () => {
      const text = await textOf(page, '#catalogue')
      return text.includes('added') && text
    },
    { within: PATIENCE, what: 'the drift' },
  )
  assert.ok(drift.includes(HOSTILE), drift)
  await page.locator('#tool-filter').fill('')
}

async function isAccessible(browser: Browser, url: string): Promise<void> {
  for (const options of [
    { colorScheme: 'light' as const, viewport: { width: 1280, height: 800 } },
    { colorScheme: 'dark' as const, viewport: { width: 1280, height: 800 } },
    { colorScheme: 'light' as const, viewport: { width: 320, height: 740 } },
  ]) {
    const { page } = await openPage(browser, url, options)
    await page.waitForSelector('#calls tr.row', { timeout: PATIENCE })
    // A row is like the next one; fewer of them are looked at sooner.
    await page.locator('#tool-filter').fill('refund')
    await page.locator('#call-filter').fill('refund')
    const rules = options.colorScheme === 'dark' ? ['color-contrast'] : undefined
    assert.deepEqual(await violations(page, rules), [], JSON.stringify(options))
    const width = await page.evaluate('document.documentElement.scrollWidth')
    assert.ok(Number(width) <= options.viewport.width, `it is ${String(width)} wide`)
    await page.context().close()
  }
}

async function holdsAThousandTools(page: Page, { sidecar, servers }: Scene): Promise<void> {
  const many = Array.from({ length: 500 }, (_, i) => ({
    name: `tool_${String(i).padStart(4, '0')}`,
    description: 'One of many.',
    ms: 1,
  }))
  for (const name of ['weather', 'search'] as const) {
    servers[name].use(many)
    await startAgent({ url: sidecar.url(name), tools: ['tool_0000'], pauseMs: 500 })
  }
  const count = (): Promise<string | null> =>
    page.locator('#tools table').getAttribute('aria-rowcount')
  await waitFor(async () => Number(await count()) > 1_000, {
    within: PATIENCE,
    what: 'a thousand tools',
  })
  assert.ok((await page.locator('#tools tbody tr').count()) < 60)
  await page.evaluate("document.querySelector('#tools .table-box').scrollTop = 1e6")
  await page.waitForSelector('#tools tbody :text("write_file")', { timeout: PATIENCE })
}

test(
  'the status page shows what happens, takes orders, and harms nobody',
  { skip: missing ?? false },
  async () => {
    const scene = await startScene({ upstream: { breaker: { openTime: '30s' } } })
    const browser = await startBrowser()
    const { adminUrl } = scene.sidecar
    const { page, complaints, requests } = await openPage(browser, adminUrl)
    await isEmptyAtFirst(page)
    await startTraffic(scene, 40)
    await showsTheFiguresOfTheApi(page, scene)
    await sortsAndFiltersByKeyboard(page)
    await opensACall(page)
    await isAccessible(browser, adminUrl)
    await ordersABreaker(page, scene)
    await showsTextAsText(page, scene)
    await showsAnUpstreamThatDied(page, scene)
    await holdsAThousandTools(page, scene)
    assert.deepEqual(complaints, [])
    const foreign = requests.filter((url) => !url.startsWith(adminUrl))
    assert.deepEqual(foreign, [])
    await scene.sidecar.close()
    await page.waitForSelector('[role=alert]:has-text("No connection to the sidecar")', {
      timeout: PATIENCE,
    })
  },
)

test(
  'the status page asks for a token where one is needed',
  { skip: missing ?? false },
  async () => {
    const server = await startToolServer(WEATHER)
    const sidecar = await startTestSidecar({ upstreams: { weather: server.url } })
    const browser = await startBrowser()
    const context = await browser.newContext()
    const page = await context.newPage()
    // As the gate answers off loopback, where the page could not be opened here.
    await page.route('**/api/v1/**', async (route) => {
      if (route.request().headers()['authorization'] === 'Bearer canary-reader') {
        return route.continue()
      }
      return route.fulfill({
        status: 401,
        contentType: 'application/problem+json',
        body: '{"status":401,"detail":"send a token"}',
      })
    })
    await page.goto(sidecar.adminUrl)
    await page.getByLabel('Access token').fill('canary-reader')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForSelector(cardOf('weather'), { timeout: PATIENCE })
  },
)

test('the page comes with a policy that lets nothing else in, and is asked for again by its tag', async () => {
  const sidecar = await startTestSidecar({ upstreams: { weather: 'http://127.0.0.1:9/mcp' } })
  const accept = { accept: 'text/html' }
  const reply = await fetch(sidecar.adminUrl, { headers: accept })
  assert.match(await reply.text(), /^<!doctype html>/)
  assert.equal(
    reply.headers.get('content-security-policy'),
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html",
  )
  assert.equal(reply.headers.get('x-content-type-options'), 'nosniff')
  assert.equal(reply.headers.get('referrer-policy'), 'no-referrer')
  const etag = reply.headers.get('etag') ?? ''
  const again = await fetch(sidecar.adminUrl, { headers: { ...accept, 'if-none-match': etag } })
  assert.equal(again.status, 304)
  // Programs get words.
  const words = await fetch(sidecar.adminUrl)
  assert.match(await words.text(), /^Sidelight admin\n/)
  assert.equal((await fetch(`${sidecar.adminUrl}/ui/..%2f..%2fmain.ts`)).status, 404)
})
