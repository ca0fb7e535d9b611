/**
 * Of undici, the bundle holds what Sidelight uses: its index would bring `fetch`, mocks, caches and
 * proxies too, a third of the bundle and of the time that loading takes. A name that is used in `src`
 * and not here fails the build.
 */

import type { Plugin } from 'esbuild'

const USED = `
export { default as Client } from 'undici/lib/dispatcher/client.js'
export { default as Pool } from 'undici/lib/dispatcher/pool.js'
export { default as buildConnector } from 'undici/lib/core/connect.js'
`

export const onlyUsedOfUndici: Plugin = {
  name: 'only-used-of-undici',
  setup(build) {
    build.onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'used' }))
    build.onLoad({ filter: /^undici$/, namespace: 'used' }, () => ({
      contents: USED,
      resolveDir: process.cwd(),
    }))
  },
}
