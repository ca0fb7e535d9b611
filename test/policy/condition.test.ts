import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readArguments } from '../../src/policy/arguments.ts'
import { compileCondition, type Condition } from '../../src/policy/condition.ts'
import type { RuleConfig } from '../../src/policy/compile.ts'
import { noArguments, policyOf, principal, roles, tool } from './fakes.ts'

function condition(text: string): Condition {
  const made = compileCondition(text)
  return typeof made === 'string' ? assert.fail(made) : made
}

function holds(text: string, args?: string): boolean | string {
  const value = condition(text).holds({
    principal: { subject: 'alice', roles: ['analyst'], claims: { team: 'red' } },
    upstream: 'files',
    kind: 'tool',
    name: 'write_file',
    ...(args === undefined ? {} : { args: readArguments(args) ?? assert.fail('no arguments') }),
  })
  return typeof value === 'boolean' ? value : value.error
}

/** What is said of a call of a tool with these arguments. */
function decide(
  rules: { readonly allow?: readonly RuleConfig[]; readonly deny?: readonly RuleConfig[] },
  args: string,
): string {
  const policy = policyOf(roles({ analyst: rules }))
  const decision = policy.decide(principal(), 'files', tool('write'), () => readArguments(args))
  return decision.kind === 'allow' ? 'allow' : `deny ${decision.reason}`
}

describe('A condition', () => {
  it('asks about the principal, the operation and the arguments', () => {
    assert.equal(holds('args.path.startsWith("/tmp/")', '{"path":"/tmp/a"}'), true)
    assert.equal(holds('args.path.startsWith("/tmp/")', '{"path":"/etc/a"}'), false)
    assert.equal(holds('principal.claims.team == "red" && name == "write_file"'), true)
    assert.equal(
      holds('"analyst" in principal.roles && upstream == "files" && kind == "tool"'),
      true,
    )
    assert.equal(
      holds('args.count < 10 && args.tags.all(tag, tag != "x")', '{"count":3,"tags":[]}'),
      true,
    )
  })

  it('has no value when it asks for what is not there', () => {
    assert.equal(holds('args.path == "x"', '{}'), 'No such key: path')
    assert.equal(holds('has(args.path) && args.path == "x"', '{}'), false)
    assert.equal(holds('args.constructor == "x"', '{}'), 'No such key: constructor')
    assert.equal(
      holds('args.count + 1 == 2', '{"count":"1"}'),
      'no such overload: dyn<string> + int',
    )
  })

  it('is refused when no call could ask it in little time', () => {
    const problem = (text: string): string => {
      const made = compileCondition(text)
      return typeof made === 'string' ? made : assert.fail(`"${text}" was taken`)
    }
    const pattern =
      'matches takes a pattern in quotes that begins with ^, of characters, escapes and [classes] with at most one of * + ? {m,n} and no groups'
    assert.equal(problem('args.path.matches("^(a+)+$")'), pattern)
    assert.equal(problem('args.path.matches("a+b")'), pattern)
    assert.equal(problem('args.path.matches(args.pattern)'), pattern)
    assert.equal(problem('args.path.matches("^" + args.pattern)'), pattern)
    assert.equal(
      problem('args.a.exists(x, args.b.exists(y, x == y))'),
      'a walk over a list must not stand in another; it would take too long',
    )
    for (const text of ['x in args.b', 'x in [args.b]', 'x in args.b + ["y"]', 'x.y in x.z']) {
      assert.equal(
        problem(`args.a.all(x, ${text})`),
        'in must not look through arguments within a walk over a list; it would take too long',
      )
    }
    assert.equal(
      problem('cel.bind(x, args.a + args.a, x == "")'),
      'bind is not available in conditions',
    )
    assert.equal(problem(`${'!'.repeat(3_000)}true`), 'a condition has at most 2048 characters')
    assert.equal(problem('1 + 1'), 'a condition is true or false; this is of type int')
    assert.equal(problem('args.a ==').startsWith('not a valid condition: '), true)
    assert.equal(problem('tool == "x"'), 'not a valid condition: Unknown variable: tool')
  })

  it('may look through its own lists and those of the principal within a walk', () => {
    assert.equal(holds('args.tags.all(t, t in ["a", "b"])', '{"tags":["a","b"]}'), true)
    assert.equal(holds('args.tags.all(t, t in ["a", "b"])', '{"tags":["a","c"]}'), false)
    assert.equal(
      holds('args.tags.all(t, t in principal.roles)', '{"tags":["nobody-has-it"]}'),
      false,
    )
  })

  it('takes a pattern that is matched in linear time', () => {
    assert.equal(holds('args.id.matches("^acct-[0-9]{8}$")', '{"id":"acct-12345678"}'), true)
    assert.equal(holds('args.id.matches("^acct-[0-9]{8}$")', '{"id":"acct-12345678x"}'), false)
    assert.equal(
      holds('args.list.filter(x, x.matches("^a*b")).size() == 1', '{"list":["aab","c"]}'),
      true,
    )
  })
})

describe('A rule with a condition', () => {
  const inTmp = { match: 'files:write', when: 'args.path.startsWith("/tmp/")' }

  it('allows a call when the condition holds, and not otherwise', () => {
    assert.equal(decide({ allow: [inTmp] }, '{"path":"/tmp/a"}'), 'allow')
    assert.equal(decide({ allow: [inTmp] }, '{"path":"/etc/a"}'), 'deny condition')
    assert.equal(decide({ allow: [inTmp, 'files:write'] }, '{"path":"/etc/a"}'), 'allow')
  })

  it('denies a call when the condition holds or has no value, and not otherwise', () => {
    const rules = { allow: ['*'], deny: [inTmp] }
    assert.equal(decide(rules, '{"path":"/tmp/a"}'), 'deny denied')
    assert.equal(decide(rules, '{"path":"/etc/a"}'), 'allow')
    assert.equal(decide(rules, '{}'), 'deny condition')
    assert.equal(decide(rules, '{"path":7}'), 'deny condition')
  })

  it('never allows by arguments that parsers may read in two ways', () => {
    const rules = { allow: [inTmp] }
    for (const args of [
      '{"path":"/etc/passwd","path":"/tmp/a"}',
      '{"path":"/tmp/a","path":"/etc/passwd"}',
      '{"path":"/tmp/a","Path":"/etc/passwd"}',
      '{"path":"/tmp/a","p\\u0061th":"/etc/passwd"}',
      '{"path":"/tmp/a","x":[{"y":1,"y":2}]}',
    ]) {
      assert.equal(decide(rules, args), 'deny condition', args)
    }
    assert.equal(decide(rules, '{"path":"/tmp/a","x":[{"y":1},{"y":2}],"z":":{,"}'), 'allow')
  })

  it('never allows by arguments that are too large, too deep or no object', () => {
    const rules = { allow: [inTmp] }
    const withMore = (more: string): string => `{"path":"/tmp/a","more":${more}}`
    assert.equal(decide(rules, withMore('1')), 'allow')
    for (const args of [
      withMore(JSON.stringify('x'.repeat(70_000))),
      withMore('['.repeat(17) + ']'.repeat(17)),
      withMore(JSON.stringify(Array.from({ length: 1_001 }, () => 0))),
      '["/tmp/a"]',
      '"/tmp/a"',
    ]) {
      assert.equal(decide(rules, args), 'deny condition', args.slice(0, 40))
    }
  })

  it('decides without arguments when it does not ask for them', () => {
    const rules = { allow: [{ match: 'files:write', when: 'principal.subject == "alice"' }] }
    assert.equal(decide(rules, '"no object"'), 'allow')
  })

  it('shows a tool in lists when some arguments may be allowed', () => {
    const shows = (when: string, effect: 'allow' | 'deny' = 'allow'): boolean => {
      const rule = [{ match: 'files:write', when }]
      const rules = effect === 'allow' ? { allow: rule } : { allow: ['*'], deny: rule }
      return policyOf(roles({ analyst: rules })).shows(principal(), 'files', tool('write'))
    }
    assert.equal(shows('args.path == "x"'), true)
    assert.equal(shows('principal.subject == "alice"'), true)
    assert.equal(shows('principal.subject == "bob"'), false)
    assert.equal(shows('principal.subject == "bob" && args.path == "x"'), false)
    assert.equal(shows('args.path == "x"', 'deny'), true)
    assert.equal(shows('principal.subject == "alice"', 'deny'), false)
  })

  it('does not make the protocol’s own methods depend on arguments', () => {
    const policy = policyOf(roles({ analyst: { allow: [inTmp] } }))
    const ping = { kind: 'method', name: 'ping', protocol: true } as const
    assert.equal(policy.decide(principal(), 'files', ping, noArguments).kind, 'allow')
  })
})
