/**
 * `npm run links`: every address outside of the repository that the documentation leads to, with the pages
 * that do, for whoever wants to see whether they still answer. Tests look at their form alone, because they
 * run without a network.
 */

import { fileURLToPath } from 'node:url'
import { linksOf, PAGES } from '../test/support/markdown.ts'

/** Address → pages, both in order. */
export function externalLinks(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>()
  for (const { page, target } of PAGES.flatMap(linksOf)) {
    if (!/^https?:/.test(target)) continue
    const { hostname } = new URL(target)
    if (hostname === 'localhost' || hostname === '127.0.0.1') continue
    const [address = ''] = target.split('#')
    found.set(address, (found.get(address) ?? new Set()).add(page))
  }
  return new Map(
    [...found]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([address, pages]) => [address, [...pages]]),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [address, pages] of externalLinks()) console.log(`${address}  ${pages.join(' ')}`)
}
