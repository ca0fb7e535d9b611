/** What the admin plane says when something of it fails. */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createAdminApp } from '../../src/http/admin-app.ts'
import { startHttpServer } from '../support/http-server.ts'

it('a defect on the admin plane ends one request, and is told without being shown', async () => {
  const told: unknown[] = []
  const defect = new Error('private-detail')
  const app = createAdminApp({
    peers: { loopback: true, hosts: new Set(), origins: new Set() },
    gate: {
      open: new Set(['health', 'metrics']),
      takesOrders: false,
      check: () => ({ kind: 'refused', status: 401, error: 'x', message: 'x' }),
    },
    readiness: () => {
      throw defect
    },
    catalogue: { views: () => [], view: () => undefined, pinFile: () => undefined },
    breakers: { list: () => [], get: () => undefined, order: () => 'unknown_upstream' },
    renderMetrics: () => [],
    onLimit: () => {},
    onDefect: (error) => told.push(error),
    api: undefined,
  })
  const { origin: url } = await startHttpServer(app)
  const failed = await fetch(`${url}/readyz`)
  assert.equal(failed.status, 500)
  assert.deepEqual(await failed.json(), {
    error: 'internal',
    message: 'The sidecar failed on this request; its log says how.',
  })
  assert.deepEqual(told, [defect])
  assert.equal((await fetch(`${url}/livez`)).status, 200)
})
