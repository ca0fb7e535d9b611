/** Paths of the data listener that two would claim. */

import type { Config } from './schema.ts'

/** A problem and its place, as in a `ConfigProblem`. */
interface Clash {
  readonly path: string
  readonly line: number | undefined
  readonly message: string
}

type LineAt = (path: readonly PropertyKey[]) => number | undefined

const METADATA = '/.well-known/oauth-protected-resource'

/**
 * Two upstreams may not claim one path, nor may one claim the path that another has by its name, nor
 * may two pass on the same paths.
 */
export function findPathClash(config: Config, lineAt: LineAt): Clash | undefined {
  return findFixedClash(config, lineAt) ?? findPrefixClash(config, lineAt)
}

function findFixedClash(config: Config, lineAt: LineAt): Clash | undefined {
  const owners = new Map<string, string>()
  for (const [name, { transport, url }] of Object.entries(config.upstreams)) {
    const sse = transport === 'sse'
    for (const path of sse ? [`/${name}/sse`, `/${name}/message`] : [`/${name}/mcp`]) {
      owners.set(path, name)
      if (url !== undefined) owners.set(METADATA + path, name)
    }
  }
  for (const [name, { path, transport }] of Object.entries(config.upstreams)) {
    if (path === undefined) continue
    const owner = owners.get(path)
    const own = transport === 'sse' ? `/${name}/sse` : `/${name}/mcp`
    if (owner !== undefined && path !== own) {
      const message = `"${path}" is already the path of upstream "${owner}"`
      const line = lineAt(['upstreams', name, 'path'])
      return { path: `upstreams.${name}.path`, line, message }
    }
    owners.set(path, name)
  }
  return undefined
}

function findPrefixClash(config: Config, lineAt: LineAt): Clash | undefined {
  const owners = new Map<string, string>()
  for (const [name, { passthrough, host, url }] of Object.entries(config.upstreams)) {
    if (url === undefined) continue
    for (const prefix of passthrough ?? (host === 'preserve' ? ['/.well-known/'] : [])) {
      const owner = owners.get(prefix)
      if (owner !== undefined) {
        const line = lineAt(['upstreams', name, 'passthrough'])
        const message = `"${prefix}" is already passed to upstream "${owner}"; give both a passthrough of their own, such as /.well-known/oauth-protected-resource/${name}`
        return { path: `upstreams.${name}.passthrough`, line, message }
      }
      owners.set(prefix, name)
    }
  }
  return undefined
}
