import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Decision } from '../../src/core/decision.ts'
import type { PolicyConfig, RuleConfig } from '../../src/policy/compile.ts'
import { filterList } from '../../src/mcp/filter-list.ts'
import { compilePolicy } from '../../src/policy/policy.ts'
import { noArguments, operation, policyOf, principal, roles, tool, UPSTREAMS } from './fakes.ts'

const shown = (decision: Decision): string =>
  decision.kind === 'allow'
    ? `allow by ${decision.role} ${decision.rule}`
    : `deny ${decision.reason}${decision.rule === undefined ? '' : ` by ${decision.role} ${decision.rule}`}`

/** What an analyst with these rules is told of a tool. */
function decideTool(
  rules: { readonly allow?: readonly RuleConfig[]; readonly deny?: readonly RuleConfig[] },
  upstream: string,
  name: string | undefined,
): string {
  const policy = policyOf(roles({ analyst: rules }))
  return shown(policy.decide(principal(), upstream, tool(name), noArguments))
}

describe('A policy', () => {
  it('denies what no rule allows', () => {
    assert.equal(decideTool({}, 'weather', 'forecast'), 'deny no_rule')
    assert.equal(decideTool({ allow: ['weather:forecast'] }, 'files', 'forecast'), 'deny no_rule')
  })

  it('denies everything when it is empty', () => {
    const policy = policyOf({ mode: 'enforce', roles: {} })
    assert.equal(
      shown(policy.decide(principal(), 'weather', tool('forecast'), noArguments)),
      'deny no_rule',
    )
    assert.equal(policy.sees(principal(), 'weather'), false)
  })

  it('allows a tool by its name, by a glob, by its upstream and by everything', () => {
    const allow = (rule: string): string => decideTool({ allow: [rule] }, 'weather', 'forecast')
    assert.equal(allow('weather:forecast'), 'allow by analyst weather:forecast')
    assert.equal(allow('weather:fore*'), 'allow by analyst weather:fore*')
    assert.equal(allow('weather:tool/forecast'), 'allow by analyst weather:tool/forecast')
    assert.equal(allow('weather:*'), 'allow by analyst weather:*')
    assert.equal(allow('*:forecast'), 'allow by analyst *:forecast')
    assert.equal(allow('*'), 'allow by analyst *')
  })

  it('takes * for everything there is, prompts, resources, methods and paths too', () => {
    const policy = policyOf(roles({ admin: { allow: ['*'] } }))
    const admin = principal({ roles: ['admin'] })
    for (const asked of [
      tool('any tool'),
      operation('prompt', 'greet'),
      operation('resource', 'file:///a/../b'),
      operation('method', 'acme/custom'),
      operation('path', 'api/v1'),
    ]) {
      assert.equal(policy.decide(admin, 'files', asked, noArguments).kind, 'allow', asked.kind)
    }
  })

  it('lets a denial win over every allowance, whichever role or order it comes in', () => {
    const rules = { allow: ['*', 'weather:forecast'], deny: ['weather:fore*'] }
    assert.equal(decideTool(rules, 'weather', 'forecast'), 'deny denied by analyst weather:fore*')
    const policy = policyOf(roles({ admin: { allow: ['*'] }, guest: { deny: ['*:delete_*'] } }))
    const both = principal({ roles: ['guest', 'admin'] })
    assert.equal(
      shown(policy.decide(both, 'files', tool('delete_file'), noArguments)),
      'deny denied by guest *:delete_*',
    )
  })

  it('keeps the kinds apart: a tool rule allows no prompt of the same name', () => {
    const policy = policyOf(
      roles({
        analyst: { allow: ['weather:report', 'weather:prompt/greet', 'weather:resource/city://*'] },
      }),
    )
    const kindOf = (kind: 'tool' | 'prompt' | 'resource', name: string): string =>
      policy.decide(principal(), 'weather', operation(kind, name), noArguments).kind
    assert.equal(kindOf('tool', 'report'), 'allow')
    assert.equal(kindOf('prompt', 'report'), 'deny')
    assert.equal(kindOf('prompt', 'greet'), 'allow')
    assert.equal(kindOf('tool', 'greet'), 'deny')
    assert.equal(kindOf('resource', 'city://berlin'), 'allow')
    assert.equal(kindOf('resource', 'file:///etc/passwd'), 'deny')
  })

  it('allows a tool whose name cannot be read only to those who may call every tool', () => {
    const decide = (allow: RuleConfig[], deny: string[] = []): string =>
      decideTool({ allow, deny }, 'weather', undefined).split(' by ', 1)[0] ?? ''
    assert.equal(decide(['*']), 'allow')
    assert.equal(decide(['weather:tool/*']), 'allow')
    assert.equal(decide(['weather:prompt/*']), 'deny unreadable')
    assert.equal(decide(['weather:**']), 'deny unreadable')
    assert.equal(decide(['*'], ['weather:drop']), 'deny denied')
    assert.equal(decide(['*'], ['weather:prompt/x']), 'allow')
    assert.equal(decide([{ match: '*', when: 'name != "drop"' }]), 'deny unreadable')
  })

  it('gives nothing to a request without a principal, unless nobody is authenticated', () => {
    const config = roles({ anonymous: { allow: ['*'] }, admin: { allow: ['*'] } })
    const strict = policyOf(config)
    assert.equal(strict.decide(undefined, 'files', tool('x'), noArguments).kind, 'deny')
    const open = policyOf(config, { anonymous: true })
    assert.equal(open.decide(undefined, 'files', tool('x'), noArguments).kind, 'allow')
  })

  it('gives nobody the role anonymous by a token that names it', () => {
    const policy = policyOf(roles({ anonymous: { allow: ['*'] } }), { anonymous: true })
    const claims = principal({ roles: ['anonymous'] })
    assert.equal(policy.decide(claims, 'files', tool('x'), noArguments).kind, 'deny')
  })

  it('holds a role only for the organisations that it is for, and says so', () => {
    const policy = policyOf(
      roles({ analyst: { allow: ['weather:*'], organizations: ['acme', 'initech'] } }),
    )
    const of = (organization: string | undefined): string =>
      shown(policy.decide(principal({ organization }), 'weather', tool('forecast'), noArguments))
    assert.equal(of('acme'), 'allow by analyst weather:*')
    assert.equal(of('Acme'), 'deny organization by analyst weather:*')
    assert.equal(of('globex'), 'deny organization by analyst weather:*')
    assert.equal(of(undefined), 'deny organization by analyst weather:*')
    assert.equal(policy.sees(principal({ organization: 'globex' }), 'weather'), false)
  })

  it('tells of a role that it does not know once', () => {
    const unknown: string[] = []
    const policy = policyOf(roles({ analyst: { allow: ['*'] } }), {
      onUnknownRole: (name) => unknown.push(name),
    })
    for (const subject of ['alice', 'bob']) {
      policy.decide(
        principal({ subject, roles: ['analyst', 'pilot'] }),
        'files',
        tool('x'),
        noArguments,
      )
    }
    assert.deepEqual(unknown, ['pilot'])
  })

  it('holds a role also by all of its scopes, and names them to who lacks them', () => {
    const policy = policyOf(
      roles({
        analyst: { allow: ['weather:*'] },
        editor: { allow: ['files:write_*'], scopes: ['files.read', 'files.write'] },
      }),
    )
    const decide = (scopes: readonly string[], name: string): Decision =>
      policy.decide(principal({ scopes }), 'files', tool(name), noArguments)
    assert.equal(decide(['files.write', 'files.read', 'openid'], 'write_file').kind, 'allow')
    const refused = decide(['files.read'], 'write_file')
    assert.ok(refused.kind === 'deny')
    assert.deepEqual(refused.scopes, ['files.read', 'files.write'])
    const hopeless = decide([], 'format_disk')
    assert.ok(hopeless.kind === 'deny')
    assert.deepEqual(hopeless.scopes, [])
  })

  it('names no scopes where a denial stands that more scopes would not lift', () => {
    const policy = policyOf(
      roles({
        analyst: { deny: ['files:write_*'], allow: ['files:read_*'] },
        editor: { allow: ['files:*'], scopes: ['files.write'] },
      }),
    )
    const refused = policy.decide(principal(), 'files', tool('write_file'), noArguments)
    assert.ok(refused.kind === 'deny')
    assert.deepEqual([refused.reason, refused.scopes], ['denied', []])
  })

  it('allows what the protocol needs to whoever may do anything, unless it is denied by name', () => {
    const ping = { kind: 'method', name: 'ping', protocol: true } as const
    const decide = (rules: { allow?: string[]; deny?: string[] }): string =>
      shown(policyOf(roles({ analyst: rules })).decide(principal(), 'weather', ping, noArguments))
    assert.equal(decide({ allow: ['weather:forecast'] }), 'allow by analyst (protocol)')
    assert.equal(decide({ allow: ['files:read'] }), 'deny no_rule')
    assert.equal(
      decide({ allow: ['weather:forecast'], deny: ['weather:method/ping'] }),
      'deny denied by analyst weather:method/ping',
    )
    assert.equal(
      decide({ allow: ['weather:*'], deny: ['weather:*'] }),
      'deny denied by analyst weather:*',
    )
  })

  it('says in a dry run what it would deny', () => {
    const policy = policyOf(roles({ analyst: {} }, 'dry_run'))
    const decision = policy.decide(principal(), 'weather', tool('forecast'), noArguments)
    assert.ok(decision.kind === 'deny')
    assert.equal(decision.dryRun, true)
  })

  it('has another id when a rule changes, and the same one otherwise', () => {
    const config = roles({ analyst: { allow: ['weather:*'] } })
    assert.equal(policyOf(config).id, policyOf(structuredClone(config)).id)
    assert.notEqual(policyOf(config).id, policyOf(roles({ analyst: { allow: ['files:*'] } })).id)
    assert.match(policyOf(config).id, /^[0-9a-f]{16}$/)
  })

  it('decides alike before and after it has forgotten what it remembered', () => {
    const policy = policyOf(roles({ analyst: { allow: ['weather:get_*'], deny: ['weather:*_9'] } }))
    const kindOf = (name: string): string =>
      policy.decide(principal(), 'weather', tool(name), noArguments).kind
    for (let round = 0; round < 2; round += 1) {
      for (let i = 0; i < 12_000; i += 1) kindOf(`get_${i}`)
      assert.deepEqual(
        ['get_1', 'get_9', 'get_99', 'put_1'].map((name) => kindOf(name)),
        ['allow', 'deny', 'allow', 'deny'],
      )
    }
  })
})

describe('Names that try to look like others', () => {
  const cases: readonly [
    what: string,
    rules: { allow?: string[]; deny?: string[] },
    upstream: string,
    name: string,
    kind: 'allow' | 'deny',
  ][] = [
    ['a longer name', { allow: ['files:read'] }, 'files', 'read_all', 'deny'],
    ['a shorter name', { allow: ['files:read_all'] }, 'files', 'read', 'deny'],
    ['an upstream that begins alike', { allow: ['weather:*'] }, 'weather-admin', 'x', 'deny'],
    ['another case', { allow: ['files:read'] }, 'files', 'Read', 'deny'],
    ['a composed letter', { allow: ['files:caf\u00e9'] }, 'files', 'cafe\u0301', 'deny'],
    ['a letter of another script', { allow: ['files:read'] }, 'files', 're\u0430d', 'deny'],
    ['a full-width letter', { allow: ['files:read'] }, 'files', '\uff52ead', 'deny'],
    ['a space at its end', { allow: ['files:read'] }, 'files', 'read ', 'deny'],
    ['a character that is not seen', { allow: ['files:read'] }, 'files', 're\u200bad', 'deny'],
    ['a NUL', { allow: ['files:read'] }, 'files', 'read\u0000', 'deny'],
    [
      'the name of another upstream before __',
      { allow: ['files:read'] },
      'weather',
      'files__read',
      'deny',
    ],
    [
      'the name of another upstream before a colon',
      { allow: ['files:read'] },
      'weather',
      'files:read',
      'deny',
    ],
    ['its own upstream before __', { allow: ['files:read'] }, 'files', 'files__read', 'deny'],
    ['a star in a name', { allow: ['files:read'] }, 'files', '*', 'deny'],
    ['a kind in a name', { allow: ['files:prompt/x'] }, 'files', 'prompt/x', 'deny'],
    [
      'the name of a member of every object',
      { allow: ['files:read'] },
      'files',
      '__proto__',
      'deny',
    ],
    [
      'a denial in another case',
      { allow: ['files:*'], deny: ['files:delete_*'] },
      'files',
      'Delete_File',
      'deny',
    ],
    [
      'a denial in full-width letters',
      { allow: ['files:*'], deny: ['files:delete'] },
      'files',
      '\uff44elete',
      'deny',
    ],
    [
      'a denial with spaces',
      { allow: ['files:*'], deny: ['files:delete'] },
      'files',
      ' delete\t',
      'deny',
    ],
    [
      'a denial with characters that are not seen',
      { allow: ['files:*'], deny: ['files:delete'] },
      'files',
      'de\u200b\u00adlete\ufeff',
      'deny',
    ],
    [
      'what only begins like a denied name',
      { allow: ['files:*'], deny: ['files:delete'] },
      'files',
      'delete_draft',
      'allow',
    ],
  ]
  for (const [what, rules, upstream, name, kind] of cases) {
    it(`${kind === 'deny' ? 'are denied' : 'are allowed'}: ${what}`, () => {
      assert.equal(decideTool(rules, upstream, name).split(' ', 1)[0], kind)
    })
  }

  it('are denied: resources that lead elsewhere once they are resolved', () => {
    const policy = policyOf(
      roles({
        reader: { allow: ['files:resource/file:///data/*'] },
        most: { allow: ['files:*'], deny: ['files:resource/file:///secret/*'] },
      }),
    )
    const kindOf = (role: string, uri: string): string =>
      policy.decide(principal({ roles: [role] }), 'files', operation('resource', uri), noArguments)
        .kind
    assert.equal(kindOf('reader', 'file:///data/a.txt'), 'allow')
    assert.equal(kindOf('most', 'file:///other/a.txt'), 'allow')
    for (const uri of [
      'file:///data/../secret/a',
      'file:///data/./../secret/a',
      'file:///data/%2e%2e/secret/a',
      'file:///data/%2E./secret/a',
      'file:///data/..%2fsecret/a',
      'file:///data/..\\secret\\a',
      'file:///data/%252e%252e/secret',
      'file:///data/\u0000',
      'file:///data/..',
    ]) {
      assert.equal(kindOf('reader', uri), 'deny', uri)
      assert.equal(kindOf('most', uri), 'deny', uri)
    }
    assert.equal(kindOf('most', 'file:///%73ecret/a'), 'deny')
    assert.equal(kindOf('most', 'FILE:///Secret/a'), 'deny')
    assert.equal(kindOf('reader', 'FILE:///data/a'), 'deny')
  })
})

describe('Mistakes in a policy', () => {
  const problemOf = (rule: RuleConfig): string => {
    const result = compilePolicy({
      config: roles({ analyst: { allow: ['weather:*', rule] } }),
      upstreams: UPSTREAMS,
      anonymous: false,
    })
    assert.ok(result.kind === 'invalid', JSON.stringify(rule))
    const [problem] = result.problems
    assert.deepEqual(problem?.path.slice(0, 4), ['roles', 'analyst', 'allow', 1])
    return problem.message
  }

  it('are named with their place and what to write instead', () => {
    assert.equal(problemOf('forecast'), 'expected "*", or upstream:tool such as weather:forecast')
    assert.equal(problemOf('wether:*'), 'there is no upstream "wether"; did you mean "weather"?')
    assert.equal(
      problemOf('mail*:send'),
      'there is no upstream "mail*"; configured: weather, weather-admin, files',
    )
    assert.equal(
      problemOf('weather:'),
      'expected a name after the colon, such as forecast, list_* or prompt/*',
    )
    assert.equal(
      problemOf('weather:tools/forecast'),
      'did you mean "tool/…"? A tool whose name begins so is written tool/tools/…',
    )
    assert.equal(
      problemOf('weather:method/tools/call'),
      'tools/call is decided by what it names: write tool/… in place of method/…',
    )
    assert.equal(
      problemOf({ match: 'weather:*', when: 'arguments.city == "x"' }),
      'not a valid condition: Unknown variable: arguments',
    )
  })
})

describe('Decisions', () => {
  const name = fc.constantFrom('read', 'read_all', 'write', 'delete')
  const glob = fc.constantFrom('read', 'read*', '*_all', 'write', 'delete', '*')
  const upstream = fc.constantFrom('weather', 'files')
  const rule = fc
    .tuple(fc.constantFrom('weather', 'files', '*', 'w*'), glob)
    .map(([up, target]) => `${up}:${target}`)
  const rules = fc.array(rule, { maxLength: 4 })
  const config = fc
    .record({
      a: fc.record({ allow: rules, deny: rules }),
      b: fc.record({ allow: rules, deny: rules }),
    })
    .map((of) => roles(of))
  const held = fc.subarray(['a', 'b'])

  /** The meaning of a policy in the plainest words there are. */
  function model(of: PolicyConfig, names: readonly string[], up: string, toolName: string): string {
    const matches = (text: string): boolean => {
      const [left = '', right = ''] = text.split(':')
      const pattern = (one: string): RegExp => new RegExp(`^${one.replaceAll('*', '.*')}$`)
      return pattern(left).test(up) && pattern(right).test(toolName)
    }
    const all = names.map((one) => of.roles[one])
    const texts = (effect: 'allow' | 'deny'): string[] =>
      all.flatMap((one) => (one?.[effect] ?? []).map(String))
    if (texts('deny').some(matches)) return 'deny'
    return texts('allow').some(matches) ? 'allow' : 'deny'
  }

  it('are those of the plain model, whatever the rules', () => {
    fc.assert(
      fc.property(config, held, upstream, name, (of, names, up, toolName) => {
        const policy = policyOf(of)
        const who = principal({ roles: names })
        const expected = model(of, names, up, toolName)
        // Twice, since the second answer is remembered.
        for (let i = 0; i < 2; i += 1) {
          assert.equal(policy.decide(who, up, tool(toolName), noArguments).kind, expected)
        }
      }),
    )
  })

  it('do not depend on the order of rules and roles', () => {
    fc.assert(
      fc.property(config, held, upstream, name, (of, names, up, toolName) => {
        const reversed = roles(
          Object.fromEntries(
            Object.entries(of.roles)
              .toReversed()
              .map(([key, { allow, deny }]) => [
                key,
                { allow: allow.toReversed(), deny: deny.toReversed() },
              ]),
          ),
        )
        const kindOf = (policy: PolicyConfig, order: readonly string[]): string =>
          policyOf(policy).decide(principal({ roles: order }), up, tool(toolName), noArguments).kind
        assert.equal(kindOf(of, names), kindOf(reversed, names.toReversed()))
      }),
    )
  })

  it('never allow more when a denial is added, or less when an allowance is', () => {
    fc.assert(
      fc.property(config, rule, upstream, name, (of, more, up, toolName) => {
        const kindOf = (policy: PolicyConfig): string =>
          policyOf(policy).decide(principal({ roles: ['a'] }), up, tool(toolName), noArguments).kind
        const { a } = of.roles
        assert.ok(a)
        const before = kindOf(of)
        const denied = kindOf(roles({ a: { ...a, deny: [...a.deny, more] } }))
        const allowed = kindOf(roles({ a: { ...a, allow: [...a.allow, more] } }))
        if (before === 'deny') assert.equal(denied, 'deny')
        if (before === 'allow') assert.equal(allowed, 'allow')
      }),
    )
  })

  it('are the same for a list as for a call of every tool in it', () => {
    fc.assert(
      fc.property(config, held, upstream, name, (of, names, up, toolName) => {
        const policy = policyOf(of)
        const who = principal({ roles: names })
        const called = policy.decide(who, up, tool(toolName), noArguments).kind === 'allow'
        assert.equal(policy.shows(who, up, tool(toolName)), called)
      }),
    )
  })

  it('leave in a list, byte by byte, exactly the tools that may be called', () => {
    const listed = fc.array(fc.oneof(name, fc.string({ maxLength: 8 })), { maxLength: 12 })
    fc.assert(
      fc.property(config, held, upstream, listed, (of, names, up, tools) => {
        const policy = policyOf(of)
        const who = principal({ roles: names })
        const entries = tools.map((one) => ({ inputSchema: {}, name: one, x: 1 }))
        const body = Buffer.from(JSON.stringify({ id: 1, result: { tools: entries } }))
        const filtered = filterList(body, (kind, one) =>
          policy.shows(who, up, { kind, name: one, protocol: false }),
        )
        assert.notEqual(filtered.kind, 'unreadable')
        const left = filtered.kind === 'changed' ? filtered.bytes : body
        const allowed = entries.filter(
          (one) => policy.decide(who, up, tool(one.name), noArguments).kind === 'allow',
        )
        const expected = JSON.stringify({ id: 1, result: { tools: allowed } })
        assert.equal(left.toString('utf8'), expected)
      }),
    )
  })
})
