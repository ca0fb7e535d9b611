/** Whether those who are told of alerts can be reached. Nothing is sent to anybody. */

import type { Config } from '../../config/schema.ts'
import { HeaderSource } from '../../upstream/header-source.ts'
import type { Effects } from './effects.ts'
import { fail, ok, warn, type Finding } from './finding.ts'

type Receiver = Config['alerts']['receivers'][string]

export async function checkReceivers(
  { alerts }: Config,
  effects: Effects,
): Promise<readonly Finding[]> {
  const receivers = Object.entries(alerts.receivers)
  return Promise.all(receivers.map(([name, receiver]) => checkOne(name, receiver, effects)))
}

async function checkOne(
  name: string,
  { type, url, headers }: Receiver,
  effects: Effects,
): Promise<Finding> {
  const source = new HeaderSource({ enabled: () => false, write: () => {} })
  const failure = source.load(headers)
  if (failure !== undefined) {
    const found = `${failure.file} cannot be read (${failure.code})`
    return fail('receiver', name, found, 'mount the file; the sidecar does not start without it')
  }
  const known = [...source.current.values()].map((header) => [header.name, header.value] as const)
  const alertmanager = type === 'alertmanager'
  const answer = await effects.ask({
    // A webhook takes alerts alone; that something answers there is all that can be asked.
    url: new URL(alertmanager ? `${url.replace(/\/$/, '')}/api/v2/status` : url),
    method: alertmanager ? 'GET' : 'HEAD',
    headers: Object.fromEntries(known),
  })
  if (answer.kind === 'failed') {
    const advice = `correct alerts.receivers.${name}.url, or start it; nobody is told until then`
    return fail('receiver', name, `cannot be reached (${answer.code})`, advice)
  }
  const { status } = answer
  if (status === 401 || status === 403) {
    const advice = `correct its credential in alerts.receivers.${name}.headers`
    return fail('receiver', name, `refuses us (status ${status})`, advice)
  }
  if (alertmanager && status !== 200) {
    const advice = `alerts.receivers.${name}.url has to be that of Alertmanager, without /api`
    return fail('receiver', name, `does not answer as Alertmanager does (status ${status})`, advice)
  }
  return status >= 500
    ? warn('receiver', name, `answers with status ${status}`, 'see its log')
    : ok('receiver', name, 'answers')
}
