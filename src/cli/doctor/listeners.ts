/** Whether the addresses that a sidecar listens on are free. */

import type { Config } from '../../config/schema.ts'
import { formatAddress } from '../../config/units.ts'
import { addressOf } from '../units.ts'
import type { Effects } from './effects.ts'
import { fail, ok, warn, type Finding } from './finding.ts'

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is already in use',
  EACCES: 'needs more rights than this user has',
  EADDRNOTAVAIL: 'is no address of this machine',
  ENOTFOUND: 'names no known host',
}

export async function checkListeners(
  { listen }: Config,
  effects: Effects,
): Promise<readonly Finding[]> {
  const running = listen.admin !== 'off' && (await sidecarRuns(listen.admin, effects))
  const planes = { 'listen.data': listen.data, 'listen.admin': listen.admin }
  return Promise.all(
    Object.entries(planes)
      .filter(([, address]) => address !== 'off')
      .map(([key, address]) => checkOne(key, address, running, effects)),
  )
}

async function checkOne(
  key: string,
  address: string,
  running: boolean,
  effects: Effects,
): Promise<Finding> {
  const { host, port } = addressOf(address)
  const subject = `${key} ${address}`
  const code = await effects.listen(host, port)
  if (code === undefined) return ok('port', subject, 'free')
  if (code === 'EADDRINUSE' && running) {
    return warn(
      'port',
      subject,
      'in use, and a sidecar answers at listen.admin',
      'nothing, if that is the sidecar of this configuration',
    )
  }
  const advice = `stop what listens there, or choose another address with ${key}`
  return fail('port', subject, REASONS[code] ?? `cannot be listened on (${code})`, advice)
}

async function sidecarRuns(admin: string, effects: Effects): Promise<boolean> {
  const { host, port } = addressOf(admin)
  if (port === 0) return false
  const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  const url = new URL(`http://${formatAddress({ host: local, port })}/livez`)
  const answer = await effects.ask({ url, method: 'GET' })
  // Also where it wants a credential first.
  return answer.kind === 'answer' && /^\{"(status":"ok"|error":)/.test(answer.text)
}
