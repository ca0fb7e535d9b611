/** What a policy allows and why, and tokens to try it with, from the command line. */

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { it } from 'node:test'
import type { CommandContext } from '../../src/cli/command.ts'
import { parseCommandLine } from '../../src/cli/flags.ts'
import { policyCommand } from '../../src/cli/policy-explain.ts'
import { tokenCommand } from '../../src/cli/token.ts'
import { systemClock } from '../../src/core/clock.ts'
import { member } from '../../src/mcp/json-member.ts'
import { closeAfterTest } from '../support/scope.ts'

const CONFIG = `
upstreams:
  weather: { url: http://127.0.0.1:3001/mcp }
  files: { url: http://127.0.0.1:3002/mcp }
auth:
  mode: dev-hs256
  dev: { secret: a-secret-for-tests-that-is-long-enough, claims: { roles: realm_access.roles } }
policy:
  roles:
    analyst:
      allow:
        - weather:*
        - files:read_file
        - { match: "files:write_file", when: 'args.path.startsWith("/tmp/")' }
      deny: ["*:delete_*"]
    editor: { allow: ["files:*"], scopes: [files.write] }
    tenant: { allow: ["files:*"], organizations: [acme] }
`

async function run(
  args: readonly string[],
  config = CONFIG,
): Promise<{ code: number; out: string; err: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-'))
  closeAfterTest(() => rm(directory, { recursive: true }))
  const file = join(directory, 'sidelight.yaml')
  await writeFile(file, config)
  let [out, err] = ['', '']
  const context: CommandContext = {
    env: {},
    version: '0.0.0-test',
    clock: systemClock,
    out: (text) => (out += text),
    err: (text) => (err += text.replaceAll(file, 'FILE')),
    stdin: () => Readable.from([]),
    stdout: () => new Writable(),
    stopped: new Promise(() => {}),
    onHangup: () => {},
    terminal: undefined,
    program: () => assert.fail('nothing is copied'),
  }
  const invocation = parseCommandLine([...args, '--config', file])
  assert.ok(invocation.kind === 'command', JSON.stringify(invocation))
  const { name, flags, positionals } = invocation
  const code =
    name === 'token'
      ? await tokenCommand(flags, context)
      : await policyCommand(flags, positionals, context)
  return { code, out, err }
}

const explain = (...args: readonly string[]): ReturnType<typeof run> =>
  run(['policy', 'explain', ...args])

it('explains which rule allows a call', async () => {
  const { code, out } = await explain(
    '--upstream',
    'weather',
    '--tool',
    'forecast',
    '--role',
    'analyst',
  )
  assert.equal(code, 0)
  assert.match(out, /^allow: tool forecast at weather, by the rule weather:\* of role analyst\n/)
  assert.match(out, /allow files:read_file +analyst +another upstream/)
})

it('explains a denial by what nearly allowed it', async () => {
  const { code, out } = await explain(
    '--upstream',
    'files',
    '--tool',
    'read_files',
    '--role',
    'analyst',
  )
  assert.equal(code, 1)
  assert.match(out, /^deny \(no_rule\): tool read_files at files\n/)
  assert.match(out, /roles that would allow it: editor, tenant\n/)
  assert.match(out, /scopes that would allow it: files\.write\n/)
  assert.match(out, /a rule names read_file\n/)
})

it('explains what a condition says of the arguments', async () => {
  const ask = (args: string): ReturnType<typeof run> =>
    explain('--upstream', 'files', '--tool', 'write_file', '--role', 'analyst', '--arguments', args)
  const allowed = await ask('{"path":"/tmp/a"}')
  assert.equal(allowed.code, 0)
  assert.match(allowed.out, /matches when args\.path\.startsWith\("\/tmp\/"\): true/)
  const refused = await ask('{"path":"/etc/a"}')
  assert.equal(refused.code, 1)
  assert.match(refused.out, /^deny \(condition\): .*\n[^]*: false/)
  assert.match((await ask('{}')).out, /: No such key: path/)
})

it('explains that a role is for another organisation', async () => {
  const args = ['--upstream', 'files', '--tool', 'x', '--role', 'tenant']
  assert.equal((await explain(...args, '--organization', 'acme')).code, 0)
  const { out } = await explain(...args, '--organization', 'globex')
  assert.match(out, /^deny \(organization\)/)
  assert.match(out, /roles kept {2}tenant \(for other organisations\)/)
})

it('asks about calls by what they name', async () => {
  const { code, err } = await explain('--upstream', 'files', '--method', 'tools/call')
  assert.equal(code, 2)
  assert.match(err, /tools\/call is decided by what it names: write tool\/…/)
  const path = await explain('--upstream', 'files', '--path', '/exports/a', '--role', 'editor')
  assert.match(path.out, /^allow: path exports\/a at files/)
})

it('makes a token that the configuration accepts, and explains for its bearer', async () => {
  const made = await run([
    'token',
    '--subject',
    'ada',
    '--role',
    'tenant',
    '--organization',
    'acme',
  ])
  assert.equal(made.code, 0)
  const token = made.out.trim()
  const payload: unknown = JSON.parse(
    Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'),
  )
  const claimed = (name: string): unknown => member(payload, name)
  assert.deepEqual(
    ['iss', 'aud', 'sub', 'org_id'].map((name) => claimed(name)),
    ['sidelight-dev', 'sidelight', 'ada', 'acme'],
  )
  assert.deepEqual(claimed('realm_access'), { roles: ['tenant'] })
  const { code, out } = await explain('--upstream', 'files', '--tool', 'x', '--token', token)
  assert.equal(code, 0)
  assert.match(out, /by the rule files:\* of role tenant/)
})

it('accepts no token that the sidecar would not', async () => {
  const { code, err } = await explain('--upstream', 'files', '--tool', 'x', '--token', 'a.b.c')
  assert.equal(code, 2)
  assert.match(err, /the token is not accepted/)
})

it('says what is wrong with the question', async () => {
  const rows: readonly [args: readonly string[], message: string][] = [
    [['--tool', 'x', '--role', 'analyst'], 'say at which upstream: --upstream weather|files'],
    [
      ['--upstream', 'wether', '--tool', 'x'],
      'there is no upstream "wether"; did you mean "weather"?',
    ],
    [
      ['--upstream', 'files'],
      'say about what: one of --tool, --prompt, --resource, --method and --path',
    ],
    [
      ['--upstream', 'files', '--tool', 'x', '--role', 'analist'],
      'the policy has no role "analist"; did you mean "analyst"?',
    ],
  ]
  for (const [args, message] of rows) {
    assert.deepEqual(await explain(...args), {
      code: 2,
      out: '',
      err: `sidelight policy: ${message}\n`,
    })
  }
})

it('makes no token where another issuer does', async () => {
  const off = CONFIG.replace('mode: dev-hs256', 'mode: "off"').replace(/policy:[^]*/, '')
  const { code, err } = await run(['token', '--subject', 'ada'], off)
  assert.equal(code, 2)
  assert.match(err, /auth\.mode is off: only for dev-hs256 are tokens made here/)
})

it('says where a policy is wrong, with its line', async () => {
  const wrong = CONFIG.replace('- weather:*', '- wether:*').replace('args.path', 'arguments.path')
  const { code, err } = await run(['policy', 'explain', '--tool', 'x'], wrong)
  assert.equal(code, 2)
  assert.deepEqual(err.trim().split('\n'), [
    'FILE:12: policy.roles.analyst.allow.0: there is no upstream "wether"; did you mean "weather"?',
    'FILE:14: policy.roles.analyst.allow.2.when: not a valid condition: Unknown variable: arguments',
  ])
})

it('needs somebody to be authenticated, or a role for everybody', async () => {
  const off = CONFIG.replace('mode: dev-hs256', 'mode: "off"')
  const { err } = await run(['policy', 'explain', '--tool', 'x'], off)
  assert.match(err, /FILE:\d+: policy\.roles: nobody is authenticated with auth\.mode: off/)
  const both = CONFIG.replace('    editor:', '    anonymous: { allow: ["*"] }\n    editor:')
  const refused = await run(['policy', 'explain', '--tool', 'x'], both)
  assert.match(
    refused.err,
    /FILE:\d+: policy\.roles\.anonymous: the role anonymous is for auth\.mode: off/,
  )
})
