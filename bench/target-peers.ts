/** Other MCP proxies, each in the mode that it is made for; bench/peers holds those from npm. */

import { existsSync, readFileSync } from 'node:fs'
import { freePort, startChild, type Child } from './children.ts'
import { launch, ownFile, upstreamUrl, WATCHED, type Place, type RunningTarget } from './launch.ts'
import { isLoadStarted } from './messages.ts'

/** Loading a program on a busy machine. */
const READY_MS = 20_000

const PROGRAMS = {
  supergateway: 'supergateway/dist/index.js',
  'mcp-proxy': 'mcp-proxy/dist/bin/mcp-proxy.mjs',
  'mcp-remote': 'mcp-remote/dist/proxy.js',
} as const

type PeerName = keyof typeof PROGRAMS

export const PEER_NAMES = ['mcp-proxy', 'mcp-remote', 'supergateway'] as const satisfies PeerName[]

function fileOf(name: PeerName): string {
  return ownFile(`peers/node_modules/${PROGRAMS[name]}`)
}

/** Undefined when it is not installed. */
export function peerVersion(name: PeerName): string | undefined {
  if (!existsSync(fileOf(name))) return undefined
  const manifest: { version?: string } = JSON.parse(
    readFileSync(ownFile(`peers/node_modules/${name}/package.json`), 'utf8'),
  )
  return manifest.version
}

/** A server over pipes, on the cores of the helpers. */
export function stdioServer({ shape, pinning }: Place): readonly string[] {
  const on = pinning === undefined ? [] : ['taskset', '-c', pinning.helper]
  const script = ownFile('processes/stdio-tool-server.ts')
  return [...on, process.execPath, script, String(shape.messageBytes)]
}

/** A server over pipes behind HTTP: a process of it for each session, as both do by default. */
export async function startPipesBehindHttp(
  name: 'supergateway' | 'mcp-proxy',
  place: Place,
): Promise<RunningTarget> {
  const port = await freePort()
  const server = stdioServer(place)
  const own =
    name === 'supergateway'
      ? [
          '--stdio',
          server.join(' '),
          '--outputTransport',
          'streamableHttp',
          '--stateful',
          '--port',
          String(port),
          '--logLevel',
          'none',
        ]
      : ['--port', String(port), '--host', '127.0.0.1', '--server', 'stream', '--', ...server]
  const command = {
    name,
    file: process.execPath,
    args: [...WATCHED, fileOf(name), ...own],
    channel: true,
    role: 'target',
  } as const
  return launch({ command, port, path: '/mcp' }, place)
}

/** HTTP behind pipes: the load starts the target, as a host starts its servers. */
export async function startHttpBehindPipes(
  name: string,
  program: readonly string[],
  place: Place,
  env: Readonly<Record<string, string>>,
): Promise<RunningTarget> {
  const { pinning } = place
  const on = pinning === undefined ? [] : ['taskset', '-c', pinning.target]
  const load = startChild(
    {
      name: `${name} (its load)`,
      file: process.execPath,
      args: [ownFile('processes/stdio-load.ts'), ...on, process.execPath, ...program],
      env: { HOME: place.caller.dir, ...env },
      channel: true,
      role: 'helper',
    },
    pinning,
  )
  return {
    name,
    start: undefined,
    pid: await untilStarted(load),
    port: 0,
    path: '',
    sinkPid: undefined,
    load,
    channel: undefined,
    loopDelay: () => Promise.resolve(undefined),
    stop: async () => {
      await load.stop()
      return undefined
    },
  }
}

export function mcpRemote(place: Place): readonly string[] {
  const headers = place.caller.headers.flatMap(([name, value]) => ['--header', `${name}:${value}`])
  const options = ['--transport', 'http-only', '--allow-http', '--silent', ...headers]
  return [fileOf('mcp-remote'), upstreamUrl(place), ...options]
}

/**
 * A proxy that only this machine has: a command in which `{port}` stands for the port to listen on,
 * `{upstream}` for the server's URL and `{server}` for the command of a server over pipes.
 */
export async function startConfigured(
  name: string,
  text: string,
  place: Place,
): Promise<RunningTarget> {
  const port = await freePort()
  const filled = text
    .replaceAll('{port}', String(port))
    .replaceAll('{upstream}', upstreamUrl(place))
    .replaceAll('{server}', stdioServer(place).join(' '))
  const command = {
    name,
    file: 'sh',
    args: ['-c', `exec ${filled}`],
    channel: false,
    role: 'target',
  } as const
  return launch({ command, port, path: '/mcp' }, place)
}

/** Resolves to the target's process, when it has answered its first request. */
export async function untilStarted(load: Child): Promise<number> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer)
      load.process.off('message', onMessage)
      load.process.off('exit', onExit)
    }
    const fail = (why: string): void => {
      settle()
      reject(new Error(`${load.name}: ${why}`))
    }
    const onMessage = (message: unknown): void => {
      if (!isLoadStarted(message)) return
      settle()
      resolve(message.pid)
    }
    const onExit = (): void => fail('the target ended before it answered')
    const timer = setTimeout(() => fail('the target did not answer'), READY_MS)
    load.process.on('message', onMessage)
    load.process.once('exit', onExit)
  })
}
