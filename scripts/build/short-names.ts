/**
 * Local names are made short, a fifth of what is published. What stack traces show stays: functions and classes
 * at the top of a file, and methods.
 *
 * What is no ASCII is escaped: esbuild does it in texts, but not in regular expressions, and one such character
 * makes V8 hold a whole file with two bytes for each.
 */

import { readFile } from 'node:fs/promises'
import { transform, type Plugin } from 'esbuild'

export const TARGET = 'node22.19'

export const shortNames: Plugin = {
  name: 'short-names',
  setup(build) {
    build.onLoad({ filter: /\.(?:[cm]?js|ts)$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      const loader = path.endsWith('.ts') ? 'ts' : 'js'
      const { code } = await transform(source, { loader, minifyIdentifiers: true, target: TARGET })
      return { contents: code.replaceAll(/(?<!\\)[\u0080-\uffff]/g, escaped) }
    })
  },
}

/** Means the same in a regular expression; `unit` is a unit of UTF-16. */
function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
