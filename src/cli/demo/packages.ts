/** The packages that only the demo needs: an install may leave them out. */

/** One file of each, since not every one of them can be named as a whole. */
const NEEDED: Readonly<Record<string, string>> = {
  '@modelcontextprotocol/client': '@modelcontextprotocol/client',
  '@modelcontextprotocol/node': '@modelcontextprotocol/node',
  '@modelcontextprotocol/sdk': '@modelcontextprotocol/sdk/client/index.js',
  '@modelcontextprotocol/server-everything':
    '@modelcontextprotocol/server-everything/dist/transports/streamableHttp.js',
}

/** The packages that are not installed. `resolve` throws for a module that there is not. */
export function missingPackages(resolve: (specifier: string) => unknown): readonly string[] {
  return Object.entries(NEEDED)
    .filter(([, specifier]) => {
      try {
        resolve(specifier)
        return false
      } catch {
        return true
      }
    })
    .map(([name]) => name)
}

export function describeMissing(names: readonly string[]): string {
  return `sidelight demo: the demo needs packages that are not installed: ${names.join(', ')}
They are optional dependencies of Sidelight; install them with: npm install --include=optional`
}
