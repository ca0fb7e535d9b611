/**
 * Of undici, the bundle holds what Sidelight uses: its index would bring `fetch`, mocks, caches and
 * proxies too, a third of the bundle and of the time that loading takes. A name that is used in `src`
 * and not here fails the build.
 */

import { createRequire } from 'node:module'
import { deflateRawSync } from 'node:zlib'
import type { Plugin } from 'esbuild'

const USED = `
export { default as Client } from 'undici/lib/dispatcher/client.js'
export { default as Pool } from 'undici/lib/dispatcher/pool.js'
export { default as buildConnector } from 'undici/lib/core/connect.js'
`

/**
 * Never reached: HTTP/2 is never offered to a server (`allowH2: false`), and bodies are bytes, never those of
 * `fetch`. If one were reached all the same, it would say so.
 */
const UNUSED = /(?:\/client-h2\.js|\/web\/fetch\/(?:body\.js|formdata)|\/web\/webidl)$/

const REFUSAL = `
const refuse = () => { throw new Error('this part of undici is left out') }
module.exports = refuse
module.exports.extractBody = refuse
`

/** The parser for processors without SIMD: nearly nobody loads it, so it may be small and slow to load. */
function packed(file: string): string {
  const wasm: unknown = createRequire(import.meta.url)(file)
  if (!(wasm instanceof Uint8Array)) throw new Error(`${file} is no code`)
  const text = deflateRawSync(wasm, { level: 9 }).toString('base64')
  return `module.exports = require('node:zlib').inflateRawSync(Buffer.from('${text}', 'base64'))`
}

export const onlyUsedOfUndici: Plugin = {
  name: 'only-used-of-undici',
  setup(build) {
    build.onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'used' }))
    build.onResolve({ filter: UNUSED }, ({ path, importer }) =>
      importer.includes('/undici/lib/') ? { path, namespace: 'unused' } : undefined,
    )
    build.onLoad({ filter: /\/llhttp\/llhttp-wasm\.js$/ }, ({ path }) => ({
      contents: packed(path),
    }))
    build.onLoad({ filter: /./, namespace: 'unused' }, () => ({ contents: REFUSAL }))
    build.onLoad({ filter: /^undici$/, namespace: 'used' }, () => ({
      contents: USED,
      resolveDir: process.cwd(),
    }))
  },
}
