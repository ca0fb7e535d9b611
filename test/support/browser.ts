/** Debian's Chromium, driven by playwright-core. */

import { existsSync } from 'node:fs'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { closeAfterTest } from './scope.ts'

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Why there is no browser to test with; undefined when there is one. */
export function browserMissing(): string | undefined {
  return CANDIDATES.some((file) => existsSync(file))
    ? undefined
    : 'no chromium: run scripts/setup-test-tools.sh'
}

export async function startBrowser(): Promise<Browser> {
  const executablePath = CANDIDATES.find((file) => existsSync(file)) ?? ''
  const root = process.getuid?.() === 0
  const browser = await chromium.launch({ executablePath, args: root ? ['--no-sandbox'] : [] })
  closeAfterTest(() => browser.close())
  return browser
}

export interface OpenPage {
  readonly page: Page
  /** What the page complained of: errors of scripts, of its policy, and of what it could not load. */
  readonly complaints: readonly string[]
  /** Everything it asked for. */
  readonly requests: readonly string[]
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options })
  // A click waits for its button; on a busy machine that takes a while.
  context.setDefaultTimeout(60_000)
  const page = await context.newPage()
  const complaints: string[] = []
  const requests: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('request', (request) => requests.push(request.url()))
  await page.goto(url)
  return { page, complaints, requests }
}
