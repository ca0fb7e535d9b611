/** A reporter of `node --test` that writes the files with a failure, a line each. */

import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'

async function* failedFiles(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const seen = new Set<string>()
  for await (const { type, data } of events) {
    if (type !== 'test:fail' || data.file === undefined) continue
    const file = relative(process.cwd(), data.file)
    if (!seen.has(file)) yield `${file}\n`
    seen.add(file)
  }
}

// oxlint-disable-next-line import/no-default-export -- the runner takes this one and no other
export { failedFiles as default }
