/**
 * Local names are made short, a fifth of what is published. What stack traces show stays: functions and classes
 * at the top of a file, and methods.
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
      return { contents: code }
    })
  },
}
