import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openApiDocument } from '../../../src/http/api/openapi.ts'

interface Operation {
  readonly operationId: string
  readonly parameters: readonly { readonly name: string; readonly in: string }[]
  readonly responses: Readonly<Record<string, unknown>>
}

interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: Readonly<Record<'schemas' | 'responses', Readonly<Record<string, unknown>>>>
}

const text = JSON.stringify(openApiDocument())
const document: Document = JSON.parse(text)

describe('the OpenAPI document', () => {
  it('names these operations', () => {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(
        ([method, { operationId }]) => `${operationId}: ${method} ${path}`,
      ),
    )
    assert.deepEqual(operations, [
      'getSnapshot: get /api/v1/snapshot',
      'getOverview: get /api/v1/overview',
      'getHealth: get /api/v1/health',
      'listUpstreams: get /api/v1/upstreams',
      'getUpstream: get /api/v1/upstreams/{upstream}',
      'getTimeline: get /api/v1/upstreams/{upstream}/timeline',
      'listTools: get /api/v1/tools',
      'getTool: get /api/v1/tools/{upstream}/{tool}',
      'listCalls: get /api/v1/calls',
      'explainTrace: get /api/v1/calls/{traceId}',
      'listAlerts: get /api/v1/alerts',
      'listSilences: get /api/v1/silences',
      'createSilence: post /api/v1/silences',
      'endSilence: delete /api/v1/silences/{id}',
      'listBreakers: get /api/v1/breakers',
      'getBreaker: get /api/v1/breakers/{upstream}',
      'orderBreaker: post /api/v1/breakers/{upstream}',
      'listAuditRecords: get /api/v1/audit/records',
      'getConfig: get /api/v1/config',
      'reloadConfig: post /api/v1/config/reload',
      'listCatalogues: get /api/v1/catalogue',
      'getCatalogue: get /api/v1/catalogue/{upstream}',
      'listDrifts: get /api/v1/drifts',
      'getBuild: get /api/v1/build',
      'followEvents: get /api/v1/events',
    ])
  })

  it('refers to nothing that it does not hold', () => {
    assert.equal(document.openapi, '3.1.0')
    const references = [...text.matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)]
    assert.ok(references.length > 50)
    for (const [, kind = '', name = ''] of references) {
      const parts = kind === 'schemas' ? document.components.schemas : document.components.responses
      assert.ok(name in parts, `${kind}/${name}`)
    }
    assert.doesNotMatch(text, /#\/\$defs/)
  })

  it('declares every parameter that a path has', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      for (const operation of Object.values(methods)) {
        const declared = operation.parameters
          .filter((parameter) => parameter.in === 'path')
          .map(({ name }) => name)
        assert.deepEqual(declared, inPath, path)
        assert.ok('200' in operation.responses && '401' in operation.responses, path)
      }
    }
  })
})
