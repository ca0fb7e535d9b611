/** Sidelight as a target: with its defaults, bare, and with everything switched on. */

import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { freePort } from './children.ts'
import { AUDIENCE, ISSUER } from './caller.ts'
import {
  besideSink,
  launch,
  ownFile,
  upstreamUrl,
  WATCHED,
  type Place,
  type RunningTarget,
} from './launch.ts'
import { stdioServer } from './target-peers.ts'

type Env = Readonly<Record<string, string>>

export const SAMPLED_TEN_PERCENT: Env = {
  OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
  OTEL_TRACES_SAMPLER_ARG: '0.1',
}

export const TELEMETRY_OFF: Env = { OTEL_SDK_DISABLED: 'true' }

/** What users run: the bundle, or the source for those who work on it. */
export function programOf(source: boolean): string {
  const file = ownFile(source ? '../src/main.ts' : '../dist/lib/main.js')
  if (!existsSync(file)) throw new Error('there is no dist: run npm run build first, or --source')
  return file
}

/** With its defaults; without telemetry if the variables say so. */
export async function startPlain(name: string, place: Place, env: Env): Promise<RunningTarget> {
  const port = await freePort()
  const flags = ['--upstream', upstreamUrl(place), '--listen', `127.0.0.1:${port}`]
  return launchSidelight(name, place, [...flags, '--admin', 'off'], port, '/mcp', env)
}

export function startExporting(name: string, place: Place, env: Env): Promise<RunningTarget> {
  return besideSink(place.pinning, (toSink) => startPlain(name, place, { ...toSink, ...env }))
}

/**
 * Everything that a careful operator switches on: tokens are checked, a policy decides, the audit log
 * is written, breaker and limiter guard, all signals are exported, trace context is put into `_meta`,
 * and the admin plane is up.
 */
export function startFull(name: string, place: Place, env: Env): Promise<RunningTarget> {
  return besideSink(place.pinning, async (toSink) => {
    const port = await freePort()
    const file = writeFullConfig(name, place, port, await freePort())
    const args = ['--config', file]
    return launchSidelight(name, place, args, port, '/bench/mcp', { ...toSink, ...env })
  })
}

/** JSON is YAML. */
function writeFullConfig(name: string, place: Place, port: number, adminPort: number): string {
  const dir = mkdtempSync(path.join(place.caller.dir, `${name}-`))
  const upstream =
    place.shape.job === 'stdio' ? { command: stdioServer(place) } : { url: upstreamUrl(place) }
  const config = {
    listen: { data: `127.0.0.1:${port}`, admin: `127.0.0.1:${adminPort}` },
    upstreams: { bench: upstream },
    auth: {
      mode: 'required',
      ...(place.few === true ? { cache: 1_000 } : {}),
      issuers: [
        {
          issuer: ISSUER,
          audience: AUDIENCE,
          jwks: { file: place.caller.keysFile },
          algorithms: ['ES256'],
        },
      ],
    },
    policy: {
      roles: {
        analyst: { allow: ['bench:search', 'bench:list_*'] },
        editor: { allow: ['bench:write_*'], deny: ['bench:write_secret'] },
        admin: { allow: ['*'] },
      },
    },
    ...(place.audited === false ? {} : { audit: { dir: path.join(dir, 'audit'), mode: 'batch' } }),
    limits: place.few === true ? { sessions: 1_000, sessionIdle: '60s' } : {},
  }
  const file = path.join(dir, 'sidelight.yaml')
  writeFileSync(file, JSON.stringify(config, null, 2))
  return file
}

function launchSidelight(
  name: string,
  place: Place,
  args: readonly string[],
  port: number,
  urlPath: string,
  env: Env,
): Promise<RunningTarget> {
  const command = {
    name,
    file: process.execPath,
    args: [...WATCHED, ...(place.nodeArgs ?? []), programOf(place.source), 'run', ...args],
    env,
    channel: true,
    role: 'target',
  } as const
  return launch({ command, port, path: urlPath }, place)
}
