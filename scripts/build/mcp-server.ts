/**
 * The SDK's server comes with two validators of JSON Schema and takes the one that its platform names. Ours
 * validates by Zod, so either does; the one for edge runtimes is a tenth of the size of the other.
 */

import type { Plugin } from 'esbuild'

const PACKAGE = '@modelcontextprotocol/server'

const VALIDATOR = `
export { CfWorkerJsonSchemaValidator as DefaultJsonSchemaValidator } from '${PACKAGE}/validators/cf-worker'
export { default as process } from 'node:process'
`

export const smallerValidator: Plugin = {
  name: 'smaller-validator',
  setup(build) {
    const filter = /^@modelcontextprotocol\/server\/_shims$/
    build.onResolve({ filter }, () => ({ path: PACKAGE, namespace: 'shims' }))
    build.onLoad({ filter: /./, namespace: 'shims' }, () => ({
      contents: VALIDATOR,
      resolveDir: process.cwd(),
    }))
  },
}
