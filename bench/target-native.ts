/** Proxies in C, for scale: they know nothing of MCP, and little of what they pass on. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { freePort } from './children.ts'
import { launch, type Place, type RunningTarget } from './launch.ts'
import { pathOf } from './shapes.ts'

/** Clients and upstream connections of the largest shape, and some. */
const CONNECTIONS_MAX = 8_192

export function nginxVersion(): string | undefined {
  return versionOf('nginx', '-v', /nginx\/([\d.]+)/)
}

export function haproxyVersion(): string | undefined {
  return versionOf('haproxy', '-v', /version ([\d.]+)/)
}

export function wrkVersion(): string | undefined {
  return versionOf('wrk', '-v', /wrk (?:debian\/)?([\d.]+)/)
}

function versionOf(program: string, flag: string, pattern: RegExp): string | undefined {
  const { stdout, stderr, error } = spawnSync(program, [flag], { encoding: 'utf8' })
  return error === undefined ? (pattern.exec(stdout + stderr)?.[1] ?? 'unknown') : undefined
}

/** One process, no buffering: the cheapest widely used proxy. */
export async function startNginx(place: Place): Promise<RunningTarget> {
  const port = await freePort()
  const dir = mkdtempSync(path.join(place.caller.dir, 'nginx-'))
  const file = path.join(dir, 'nginx.conf')
  writeFileSync(file, nginxConfig(dir, port, place))
  const args = ['-p', dir, '-c', file, '-e', 'stderr']
  const command = { name: 'nginx', file: 'nginx', args, channel: false, role: 'target' } as const
  return launch({ command, port, path: '/mcp' }, place)
}

function nginxConfig(dir: string, port: number, place: Place): string {
  return `
daemon off;
# One process as whoever runs this, instead of one worker below a master.
master_process off;
pid ${dir}/nginx.pid;
error_log stderr error;
worker_rlimit_nofile ${2 * CONNECTIONS_MAX};
events { worker_connections ${CONNECTIONS_MAX}; }
http {
  access_log off;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  client_body_buffer_size 128k;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
  upstream mcp {
    server 127.0.0.1:${place.upstreamPort};
    keepalive 1024;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /mcp {
      proxy_pass http://mcp${pathOf(place.shape)};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`
}

/** One process with one thread. */
export async function startHaproxy(place: Place): Promise<RunningTarget> {
  const port = await freePort()
  const dir = mkdtempSync(path.join(place.caller.dir, 'haproxy-'))
  const file = path.join(dir, 'haproxy.cfg')
  writeFileSync(file, haproxyConfig(port, place))
  const args = ['-db', '-f', file]
  const command = {
    name: 'haproxy',
    file: 'haproxy',
    args,
    channel: false,
    role: 'target',
  } as const
  return launch({ command, port, path: '/mcp' }, place)
}

function haproxyConfig(port: number, place: Place): string {
  return `
global
  nbthread 1
  maxconn ${CONNECTIONS_MAX}
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  http-reuse always
frontend clients
  bind 127.0.0.1:${port} backlog 4096
  http-request set-path ${pathOf(place.shape)}
  default_backend servers
backend servers
  server upstream 127.0.0.1:${place.upstreamPort} pool-max-conn ${CONNECTIONS_MAX}
`
}
