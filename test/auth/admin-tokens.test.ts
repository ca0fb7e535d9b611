/** Tokens of the admin plane whose files go away. */

import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { createAdminGate } from '../../src/cli/admin-gate.ts'
import { validateConfig } from '../../src/config/load.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const TOKEN = 'canary-token-0123456789'

it('A token whose file was taken away is accepted no more, and again when the file is back', async () => {
  const file = join(await temporaryDirectory(), 'token')
  await writeFile(file, TOKEN)
  const read = validateConfig({
    upstreams: { a: { url: 'http://127.0.0.1:1/mcp' } },
    auth: { admin: { tokens: [{ name: 'ann', file, permissions: ['read'] }] } },
  })
  assert.ok(read.kind === 'config')
  const warned: string[] = []
  const made = createAdminGate({
    config: read.config,
    log: { enabled: () => true, write: (level, event) => void warned.push(`${level} ${event}`) },
    loopback: true,
    authenticator: undefined,
  })
  assert.ok('gate' in made)
  const accepted = async (): Promise<boolean> => {
    const authorization = `Bearer ${TOKEN}`
    const request = { headers: { authorization }, rawHeaders: ['Authorization', authorization] }
    return (await made.gate.check(request, 'read')).kind === 'admin'
  }
  let nowMs = 0
  /** Looks at the file as often as it takes. */
  const until = (state: boolean): Promise<unknown> =>
    waitFor(
      async () => {
        nowMs += 5_000
        made.tick(nowMs)
        return (await accepted()) === state
      },
      { within: SOON, what: `a token that is ${state ? '' : 'not '}accepted` },
    )
  assert.equal(await accepted(), true)
  await rm(file)
  await until(false)
  assert.deepEqual(warned, ['warn sidelight.auth.file_unreadable'])
  await writeFile(file, TOKEN)
  await until(true)
  assert.deepEqual(warned.slice(1), ['info sidelight.auth.file_reloaded'])
})
