/**
 * Writes the parts of the documentation that repeat the code: between `<!-- generated:NAME -->` and
 * `<!-- /generated -->` of the Markdown files. `--check` changes nothing and fails when a part is
 * stale, so that the documentation cannot drift from the code.
 */

import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { COMMAND_NAMES } from '../src/cli/commands.ts'
import { helpText } from '../src/cli/flags.ts'
import { isFollowed } from '../src/config/compare.ts'
import { configJsonSchema } from '../src/config/schema.ts'
import { factsOf, type Outcome } from '../src/core/outcome.ts'
import {
  FAILURE_TABLE,
  INTERNAL_CODE,
  REJECTION_TABLE,
  type RefusalRow,
} from '../src/pipeline/refuse.ts'
import { openApiDocument } from '../src/http/api/openapi.ts'
import { API_ROUTES } from '../src/http/api/routes.ts'
import { DEFAULTS as DEPLOYED } from '../deploy/src/container.ts'
import { changesTable, fleetsTable, unitsTable } from './capacity.ts'
import { countedLimitsTable, fixedLimitsTable, settableLimitsTable } from './limits-docs.ts'
import { code, table } from './markdown.ts'
import {
  attributesPart,
  eventsPart,
  metricsPart,
  sourcesPart,
  spanAttributesPart,
} from './telemetry-docs.ts'
import { alertsTable, thresholdsTable } from '../grafana/src/runbooks.ts'
import { chaosTable } from './chaos-table.ts'
import { PERFORMANCE_PARTS, performanceCharts, sidecarFigures } from './performance.ts'
import { startupTable } from './startup-table.ts'
import { readFaultTable } from './fault-table.ts'
import { FAILURE_KINDS, failureTable } from './failure-table.ts'

const PARTS: Readonly<Record<string, () => string>> = {
  cli: cliPart,
  config: configPart,
  outcomes: outcomesPart,
  answers: answersPart,
  metrics: metricsPart,
  spanattributes: spanAttributesPart,
  attributes: attributesPart,
  events: eventsPart,
  sources: sourcesPart,
  ...PERFORMANCE_PARTS,
  startup: startupTable,
  faults: faultsPart,
  alerts: alertsTable,
  thresholds: thresholdsTable,
  chaos: () => chaosTable('bench/results/2026-11-30-chaos.json'),
  api: apiPart,
  sizes: sizesPart,
  ...Object.fromEntries(FAILURE_KINDS.map((kind) => [`failures${kind}`, () => failureTable(kind)])),
  limitscounted: countedLimitsTable,
  limitssettable: settableLimitsTable,
  limitsfixed: fixedLimitsTable,
  capacityunits: unitsTable,
  capacityfleets: fleetsTable,
  capacitychanges: changesTable,
}

/** The API's description, for those who generate clients. */
const OPENAPI_FILE = 'docs/openapi.json'

/** Each Markdown file with its generated parts made anew. */
export function renderDocs(): ReadonlyMap<
  string,
  { readonly before: string; readonly after: string }
> {
  const rendered = new Map<string, { before: string; after: string }>()
  for (const file of ['README.md', ...globSync('docs/**/*.md')]) {
    const before = readFileSync(file, 'utf8')
    const after = before.replaceAll(
      /<!-- generated:(\w+) -->[\s\S]*?<!-- \/generated -->/g,
      (_, name: string) => {
        const part = PARTS[name]
        if (part === undefined) throw new Error(`${file}: there is no generated part ${name}`)
        return `<!-- generated:${name} -->\n${part()}\n<!-- /generated -->`
      },
    )
    rendered.set(file, { before, after })
  }
  const whole = new Map(performanceCharts())
  whole.set(OPENAPI_FILE, `${JSON.stringify(openApiDocument(), null, 2)}\n`)
  for (const [file, after] of whole) {
    rendered.set(file, { before: existsSync(file) ? readFileSync(file, 'utf8') : '', after })
  }
  return rendered
}

function cliPart(): string {
  const texts = [undefined, ...COMMAND_NAMES].map((name) => helpText(name).trim())
  return texts.map((text) => `\`\`\`text\n${text}\n\`\`\``).join('\n\n')
}

interface JsonSchema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly description?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly anyOf?: readonly JsonSchema[]
  readonly required?: readonly string[]
  readonly items?: JsonSchema
}

function configPart(): string {
  const rows: string[][] = []
  collectKeys(configJsonSchema(), '', rows)
  return table(['Key', 'Value', 'Default', 'Followed', 'What it is for'], rows)
}

function collectKeys(schema: JsonSchema, path: string, rows: string[][]): void {
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const key = path === '' ? name : `${path}.${name}`
    const nested =
      typeof member.additionalProperties === 'object' ? member.additionalProperties : undefined
    if (member.description !== undefined) {
      const required = schema.required?.includes(name) === true
      rows.push(keyRow(key, member, required))
    }
    if (nested?.properties !== undefined) collectKeys(nested, `${key}.<name>`, rows)
    else collectKeys(member, key, rows)
  }
}

function keyRow(key: string, member: JsonSchema, required: boolean): string[] {
  const value = typeOf(member)
  const fallback = member.default === undefined ? undefined : code(JSON.stringify(member.default))
  // What holds others may hold some of both.
  const holdsOthers = value === 'mapping' && member.properties !== undefined
  const followed = isFollowed(key) ? 'at once' : 'restart'
  return [
    code(key),
    value,
    fallback ?? (required ? 'required' : 'none'),
    holdsOthers ? '' : followed,
    member.description ?? '',
  ]
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(', ')
  if (schema.const !== undefined) return code(JSON.stringify(schema.const))
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ')
  if (schema.type === 'array') {
    return schema.items?.type === 'object' ? 'list of mappings' : 'list of text'
  }
  if (schema.type === 'object') return 'mapping'
  return (
    { string: 'text', integer: 'whole number', number: 'number', boolean: 'true or false' }[
      schema.type ?? ''
    ] ?? 'value'
  )
}

const OUTCOMES: readonly (readonly [string, Outcome])[] = [
  ['ok', { kind: 'ok' }],
  ['input_required', { kind: 'input_required' }],
  ['task', { kind: 'task' }],
  ['tool_error', { kind: 'tool_error' }],
  ['rpc_error, codes -32700, -32600, -32601, -32602, -32002', { kind: 'rpc_error', code: -32602 }],
  ['rpc_error, codes -32020, -32021, -32022, -32042', { kind: 'rpc_error', code: -32022 }],
  ['rpc_error, code -32603', { kind: 'rpc_error', code: -32603 }],
  ['rpc_error, any other code such as -32000', { kind: 'rpc_error', code: -32000 }],
  ['upstream_failed, connect', { kind: 'upstream_failed', reason: 'connect', sent: false }],
  ['upstream_failed, timeout', { kind: 'upstream_failed', reason: 'timeout', sent: true }],
  ['upstream_failed, reset', { kind: 'upstream_failed', reason: 'reset', sent: true }],
  ['upstream_failed, closed', { kind: 'upstream_failed', reason: 'closed', sent: true }],
  [
    'upstream_failed, http_5xx such as 503',
    { kind: 'upstream_failed', reason: 'http_5xx', sent: true, status: 503 },
  ],
  ['upstream_failed, bad_message', { kind: 'upstream_failed', reason: 'bad_message', sent: true }],
  [
    'upstream_failed, process_exit',
    { kind: 'upstream_failed', reason: 'process_exit', sent: true },
  ],
  ['upstream_status such as 404', { kind: 'upstream_status', status: 404 }],
  [
    'rejected, malformed (and every other mistake of the caller)',
    { kind: 'rejected', reason: 'malformed', message: '' },
  ],
  ['rejected, at_capacity', { kind: 'rejected', reason: 'at_capacity', message: '' }],
  ['rejected, restarting', { kind: 'rejected', reason: 'restarting', message: '' }],
  ['rejected, breaker_open', { kind: 'rejected', reason: 'breaker_open', message: '' }],
  ['rejected, throttled', { kind: 'rejected', reason: 'throttled', message: '' }],
  ['rejected, queue_timeout', { kind: 'rejected', reason: 'queue_timeout', message: '' }],
  ['rejected, audit_unavailable', { kind: 'rejected', reason: 'audit_unavailable', message: '' }],
  ['rejected, draining', { kind: 'rejected', reason: 'draining', message: '' }],
  ['cancelled', { kind: 'cancelled' }],
  ['internal', { kind: 'internal' }],
]

function outcomesPart(): string {
  const rows = OUTCOMES.map(([name, outcome]) => {
    const facts = factsOf(outcome)
    return [
      name,
      facts.clientErrorType === undefined ? '' : code(facts.clientErrorType),
      facts.serverErrorType === undefined ? '' : code(facts.serverErrorType),
      facts.faultDomain,
      facts.breakerSignal,
      facts.toolSignal,
      facts.countsAgainstAvailability ? 'yes' : 'no',
    ]
  })
  return table(
    [
      'Outcome',
      '`error.type` on CLIENT',
      '`error.type` on SERVER',
      'Fault',
      'Breaker',
      'Breaker of the tool',
      'Counts against availability',
    ],
    rows,
  )
}

function answersPart(): string {
  const row = ([reason, { use, status, code: number, retryAfterMs }]: [
    string,
    RefusalRow,
  ]): string[] => [
    code(reason),
    use === 'always' ? `HTTP ${status}` : `in the message, or HTTP ${status}`,
    String(number),
    retryAfterMs === undefined ? '' : `${retryAfterMs / 1000} s`,
  ]
  const rows = [
    ...Object.entries(REJECTION_TABLE).map(row),
    ...Object.entries(FAILURE_TABLE).map(row),
    [code('internal'), 'HTTP 500', String(INTERNAL_CODE), ''],
  ]
  return table(['Reason', 'Answer', 'JSON-RPC code', '`Retry-After`'], rows)
}

/** What a sidecar takes, from the newest run of the benchmark, and what the manifests ask for. */
function sizesPart(): string {
  const rows = sidecarFigures().map(({ what, cpuUsPerCall, callsPerSecond }) => [
    what,
    `${cpuUsPerCall.toFixed(0)} µs`,
    `${(cpuUsPerCall / 10).toFixed(1)} %`,
    callsPerSecond.toFixed(0),
  ])
  const { requests, limits } = DEPLOYED.resources
  return [
    table(['', 'CPU of a call', 'Of a core, at 1000 calls a second', 'Most calls a second'], rows),
    '',
    `The manifests ask for ${requests['cpu']} CPU and ${requests['memory']} of memory, and allow ${limits['memory']} ([kustomize](../deploy/kustomize), [chart](../deploy/helm)).`,
  ].join('\n')
}

/** The newest result that docs/resilience.md shows. */
const FAULTS_RESULT = 'bench/results/2026-11-26-faults.json'

function faultsPart(): string {
  const { lead, head, rows } = readFaultTable(FAULTS_RESULT)
  return [lead, '', table(head, rows)].join('\n')
}

function apiPart(): string {
  const rows = API_ROUTES.map(({ method, path, permission, query, summary }) => [
    code(`${method.toUpperCase()} /api/v1${path}`),
    Object.keys(query.shape).map(code).join(', '),
    permission,
    summary,
  ])
  rows.push([
    code('GET /api/v1/events'),
    code('window'),
    'read',
    'What changes, as server-sent events.',
  ])
  rows.push([code('GET /api/v1/openapi.json'), '', 'none', 'This API in OpenAPI 3.1.'])
  return table(['Operation', 'Query', 'Permission', 'What it does'], rows)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes('--check')
  let stale = 0
  for (const [file, { before, after }] of renderDocs()) {
    if (before === after) continue
    stale += 1
    if (check) console.error(`${file} is stale; run npm run docs`)
    else {
      writeFileSync(file, after)
      console.log(`wrote ${file}`)
    }
  }
  process.exitCode = check && stale > 0 ? 1 : 0
}
