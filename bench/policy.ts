/**
 * What authorization costs a call: `node bench/policy.ts [--write FILE]`.
 *
 * Decisions are those of a policy of five roles and a hundred rules, for a principal with two of them.
 * Lists are of 500 tools in two sizes, of which every other one is hidden. CPU time of this process in
 * microseconds, best and median of the rounds.
 */

import { writeFileSync } from 'node:fs'
import { filterList } from '../src/mcp/filter-list.ts'
import { readArguments } from '../src/policy/arguments.ts'
import { compilePolicy, type Policy } from '../src/policy/policy.ts'
import type { Decision } from '../src/core/decision.ts'
import type { Principal } from '../src/core/principal.ts'
import { parseConfig } from '../src/config/load.ts'

const ROUNDS = 9

function measure(times: number, work: () => void): { best: number; median: number } {
  const round = (): number => {
    const before = process.cpuUsage()
    for (let i = 0; i < times; i += 1) work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / times
  }
  round()
  const us = Array.from({ length: ROUNDS }, round).toSorted((a, b) => a - b)
  return { best: us[0] ?? 0, median: us[ROUNDS >> 1] ?? 0 }
}

const UPSTREAMS = ['weather', 'files', 'mail', 'crm', 'search']

const ROLES = Object.fromEntries(
  UPSTREAMS.map((upstream, index) => [
    `role${index}`,
    {
      allow: [
        ...Array.from({ length: 17 }, (_, n) => `${upstream}:tool_${n * 2}`),
        `${upstream}:read_*`,
        { match: `${upstream}:write`, when: 'args.path.startsWith("/tmp/") && args.size < 1000' },
      ],
      deny: [`*:delete_${index}*`],
    },
  ]),
)

const PRINCIPAL: Principal = {
  key: 'idp ada',
  issuer: 'idp',
  subject: 'ada',
  roles: ['role1', 'role3'],
  scopes: [],
  organization: undefined,
  sessionId: undefined,
  actors: [],
  expiresAtMs: 0,
  claims: {},
}

function makePolicy(): Policy {
  const upstreams = Object.fromEntries(
    UPSTREAMS.map((name) => [name, { url: 'http://127.0.0.1:3001/mcp' }]),
  )
  const secret = 'a-secret-that-is-only-for-benchmarks'
  const auth = { mode: 'dev-hs256', dev: { secret } }
  const parsed = parseConfig(JSON.stringify({ upstreams, auth, policy: { roles: ROLES } }), {})
  if (parsed.kind === 'invalid') throw new Error(parsed.problems[0]?.message)
  const { policy: config } = parsed.config
  if (config === undefined) throw new Error('no policy')
  const made = compilePolicy({ config, upstreams: UPSTREAMS, anonymous: false })
  if (made.kind === 'invalid') throw new Error(made.problems[0]?.message)
  return made.policy
}

const policy = makePolicy()
const none = (): Record<string, unknown> => ({})

function decide(name: string, expected: Decision['kind'], args = none): () => void {
  const operation = { kind: 'tool', name, protocol: false } as const
  return () => {
    const { kind } = policy.decide(PRINCIPAL, 'files', operation, args)
    if (kind !== expected) throw new Error(`${name}: ${kind}`)
  }
}

let count = 0
function decideNew(): void {
  count += 1
  const operation = { kind: 'tool', name: `read_${count}`, protocol: false } as const
  if (policy.decide(PRINCIPAL, 'files', operation, none).kind !== 'allow') throw new Error('denied')
}

/** 500 tools; `bytes` of description and schema each. */
function listOf(bytes: number): Buffer {
  const tools = Array.from({ length: 500 }, (_, n) => ({
    name: `tool_${n % 34}`,
    title: `Tool ${n}`,
    description: 'What it does, "quoted". '.repeat(Math.ceil(bytes / 48)),
    inputSchema: {
      type: 'object',
      properties: Object.fromEntries(
        Array.from({ length: Math.max(1, Math.floor(bytes / 160)) }, (__, field) => [
          `field${field}`,
          { type: 'string', description: 'one of the fields' },
        ]),
      ),
    },
  }))
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools } }))
}

function filter(list: Buffer): () => void {
  return () => {
    const filtered = filterList(list, (kind, name) =>
      policy.shows(PRINCIPAL, 'files', { kind, name, protocol: false }),
    )
    if (filtered.kind !== 'changed') throw new Error(filtered.kind)
  }
}

const [small, large] = [listOf(200), listOf(1_200)]
const ARGUMENTS = '{"path":"/tmp/report.txt","size":100,"text":"what is written"}'

const result = {
  allow: measure(500_000, decide('tool_2', 'allow')),
  deny: measure(500_000, decide('tool_3', 'deny')),
  allowOfNewName: measure(100_000, decideNew),
  allowByCondition: measure(
    50_000,
    decide('write', 'allow', () => readArguments(ARGUMENTS) ?? {}),
  ),
  [`filter500ToolsOf${small.length}Bytes`]: measure(200, filter(small)),
  [`filter500ToolsOf${large.length}Bytes`]: measure(50, filter(large)),
}
const text = JSON.stringify({ unit: 'us of CPU', node: process.version, ...result }, null, 2)
console.log(text)
const file = process.argv[process.argv.indexOf('--write') + 1]
if (process.argv.includes('--write') && file !== undefined) writeFileSync(file, `${text}\n`)
