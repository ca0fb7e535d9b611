/** The paths that lead to the upstreams of a configuration. */

import type { Config } from '../config/schema.ts'
import type { Route } from '../http/route.ts'
import { METADATA_PREFIX } from '../upstream/resource-metadata.ts'

type UpstreamConfig = Config['upstreams'][string]

/** What each fixed path stands for; `/mcp` too when there is one upstream and nobody claimed it. */
export function pathsOf(config: Config): Map<string, Route> {
  const paths = new Map<string, Route>()
  const add = (path: string, upstream: string, its: UpstreamConfig): void => {
    paths.set(path, { upstream, endpoint: its.transport === 'sse' ? 'sse_stream' : 'mcp' })
    if (its.url === undefined || its.host === 'preserve') return
    // Where Sidelight is the one that asks for tokens, the metadata is its own.
    if (config.auth.mode !== 'off') return
    paths.set(METADATA_PREFIX + path, { upstream, endpoint: 'metadata' })
  }
  const entries = Object.entries(config.upstreams)
  for (const [name, upstream] of entries) {
    const sse = upstream.transport === 'sse'
    add(sse ? `/${name}/sse` : `/${name}/mcp`, name, upstream)
    if (sse) paths.set(`/${name}/message`, { upstream: name, endpoint: 'sse_post' })
    if (entries.length === 1) add(sse ? '/sse' : '/mcp', name, upstream)
  }
  for (const [name, upstream] of entries) {
    if (upstream.path !== undefined) add(upstream.path, name, upstream)
    // A message to the upstream's own endpoint is a message, also where all paths are passed on.
    const own = upstream.url === undefined ? undefined : new URL(upstream.url).pathname
    const passed = passedPrefixes(upstream).some((prefix) => own?.startsWith(prefix) === true)
    if (own !== undefined && passed && !paths.has(own)) add(own, name, upstream)
  }
  return paths
}

/** Beginnings of paths that go to an upstream unread. */
export function prefixesOf(config: Config): Map<string, Route> {
  const prefixes = new Map<string, Route>()
  for (const [name, upstream] of Object.entries(config.upstreams)) {
    for (const prefix of passedPrefixes(upstream)) {
      prefixes.set(prefix, { upstream: name, endpoint: 'pass' })
    }
  }
  return prefixes
}

function passedPrefixes({ passthrough, host, url }: UpstreamConfig): readonly string[] {
  if (url === undefined) return []
  return passthrough ?? (host === 'preserve' ? ['/.well-known/'] : [])
}

/** The paths of endpoints that clients start at. */
export function endpointsOf(config: Config): readonly string[] {
  const starts = [...pathsOf(config)].filter(
    ([, { endpoint }]) => endpoint === 'mcp' || endpoint === 'sse_stream',
  )
  return starts.map(([path]) => path)
}

/** The endpoint that a client of this path started at; undefined when it is none of ours. */
export function endpointOf(config: Config, path: string): string | undefined {
  if (endpointsOf(config).includes(path)) return path
  const name = /^\/([^/]+)\/message$/.exec(path)?.[1]
  return name !== undefined && config.upstreams[name]?.transport === 'sse'
    ? `/${name}/sse`
    : undefined
}
