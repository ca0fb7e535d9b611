import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { COMMANDS } from '../../src/cli/commands.ts'
import { helpText, parseCommandLine } from '../../src/cli/flags.ts'

const parse = (line: string): ReturnType<typeof parseCommandLine> =>
  parseCommandLine(line === '' ? [] : line.split(' '))

function problem(line: string): string {
  const invocation = parse(line)
  return invocation.kind === 'usage_error' ? invocation.message : `accepted: ${invocation.kind}`
}

describe('The command line', () => {
  it('has these commands and flags', () => {
    const shape = Object.entries(COMMANDS).map(([name, command]) => [
      name,
      command.positionals,
      ...Object.entries<{ type: string; short?: string; multiple?: boolean; value?: string }>(
        command.flags,
      ).map(([flag, { type, short, multiple, value }]) =>
        [flag, type, short, multiple === true ? 'multiple' : undefined, value]
          .filter((part) => part !== undefined)
          .join(' '),
      ),
    ])
    assert.deepEqual(shape, [
      [
        'run',
        0,
        'upstream string multiple [NAME=]URL',
        'config string c FILE',
        'listen string ADDRESS',
        'admin string ADDRESS',
        'allow-unauthenticated boolean',
        'log-level string LEVEL',
        'log-format string FORMAT',
        'print-config boolean',
      ],
      [
        'wrap',
        Infinity,
        'upstream string URL',
        'name string NAME',
        'header string multiple NAME=VALUE',
        'admin string ADDRESS',
        'log-level string LEVEL',
        'log-format string FORMAT',
      ],
      ['check', 1, 'print-config boolean', 'print-schema boolean'],
      [
        'doctor',
        0,
        'upstream string multiple [NAME=]URL',
        'config string c FILE',
        'listen string ADDRESS',
        'admin string ADDRESS',
        'json boolean',
      ],
      [
        'healthcheck',
        0,
        'config string c FILE',
        'admin string ADDRESS',
        'ready boolean',
        'token-file string FILE',
      ],
      ['reload', 0, 'config string c FILE', 'admin string ADDRESS', 'token-file string FILE'],
      ['install', 1, 'at string DIR'],
      [
        'top',
        0,
        'url string URL',
        'token-file string FILE',
        'window string WINDOW',
        'sort string BY',
        'once boolean',
      ],
      [
        'audit',
        1,
        'dir string DIR',
        'keys string DIR',
        'public-key string FILE',
        'checkpoints string multiple FILE',
        'json boolean',
        'since string TIME',
        'until string TIME',
        'issuer string ISSUER',
        'subject string NAME',
        'upstream string NAME',
        'tool string NAME',
        'type string TYPE',
        'outcome string OUTCOME',
        'trace string ID',
        'call string ID',
        'after string N',
        'limit string N',
        'follow boolean',
        'format string FORMAT',
      ],
      [
        'policy',
        1,
        'config string c FILE',
        'upstream string NAME',
        'tool string NAME',
        'prompt string NAME',
        'resource string URI',
        'method string NAME',
        'path string PATH',
        'arguments string JSON',
        'token string TOKEN',
        'subject string NAME',
        'role string multiple ROLE',
        'scope string multiple SCOPE',
        'organization string NAME',
      ],
      [
        'token',
        0,
        'config string c FILE',
        'subject string NAME',
        'role string multiple ROLE',
        'scope string multiple SCOPE',
        'organization string NAME',
        'lifetime string DURATION',
      ],
      [
        'demo',
        0,
        'listen string ADDRESS',
        'admin string ADDRESS',
        'rate string N',
        'duration string DURATION',
        'plain boolean',
      ],
    ])
  })

  it('asks for help or the version in several ways', () => {
    for (const line of ['', 'help', '--help', '-h']) {
      assert.deepEqual(parse(line), { kind: 'help', name: undefined }, line)
    }
    for (const line of ['help run', '--help run', 'run --help', 'run -h', 'run --bogus --help']) {
      if (line.includes('bogus')) assert.equal(parse(line).kind, 'usage_error')
      else assert.deepEqual(parse(line), { kind: 'help', name: 'run' }, line)
    }
    for (const line of ['version', '--version', '-V']) {
      assert.deepEqual(parse(line), { kind: 'version' }, line)
    }
  })

  it('reads flags with and without an equals sign', () => {
    assert.deepEqual(parse('run -c f --listen=:80 --upstream a=http://h --upstream http://i'), {
      kind: 'command',
      name: 'run',
      flags: { config: 'f', listen: ':80', upstream: ['a=http://h', 'http://i'] },
      positionals: [],
    })
    assert.deepEqual(parse('check file --print-config'), {
      kind: 'command',
      name: 'check',
      flags: { 'print-config': true },
      positionals: ['file'],
    })
  })

  it('takes a value that begins with a dash only after an equals sign', () => {
    assert.equal(
      problem('run --upstream --print-config'),
      'sidelight run: --upstream needs a value: --upstream [NAME=]URL',
    )
    const invocation = parse('run --config=-f')
    assert.deepEqual(invocation.kind === 'command' && invocation.flags, { config: '-f' })
  })

  it('says what is wrong and what was meant', () => {
    const rows: readonly [string, string][] = [
      ['rn', 'sidelight: unknown command "rn"; did you mean run?'],
      [
        'serve',
        'sidelight: unknown command "serve"; commands: run, wrap, check, doctor, healthcheck, reload, install, top, audit, policy, token, demo',
      ],
      ['run --upsteam x', 'sidelight run: unknown flag --upsteam; did you mean --upstream?'],
      ['run -x', 'sidelight run: unknown flag -x; see sidelight run --help'],
      ['run --config', 'sidelight run: --config needs a value: --config FILE'],
      ['run -c', 'sidelight run: -c needs a value: -c FILE'],
      ['run --listen=', 'sidelight run: --listen needs a value: --listen ADDRESS'],
      ['run --config a -c b', 'sidelight run: -c is given twice'],
      ['run --print-config=no', 'sidelight run: --print-config takes no value'],
      ['run extra', 'sidelight run: unexpected argument "extra"'],
      ['check a b', 'sidelight check: unexpected argument "b"'],
      [
        'check --upstream x',
        'sidelight check: unknown flag --upstream; see sidelight check --help',
      ],
    ]
    for (const [line, expected] of rows) assert.equal(problem(line), expected)
  })

  it('knows no flag that is only a member of every object', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      assert.match(problem(`run --${name} x`), new RegExp(`unknown flag --${name}`))
    }
    assert.match(problem('constructor'), /unknown command/)
  })
})

describe('The help', () => {
  it('of the program names each command and what it is for', () => {
    const text = helpText(undefined)
    for (const [name, { about }] of Object.entries(COMMANDS)) {
      assert.ok(text.includes(`  ${name.padEnd(13)}${about}\n`), name)
    }
    assert.match(text, /--version/)
    assert.match(text, /--help/)
  })

  it('of a command names each flag, its value and what it is for', () => {
    for (const name of ['run', 'wrap', 'check', 'demo'] as const) {
      const text = helpText(name)
      assert.match(text, new RegExp(`Usage: sidelight ${name} `))
      assert.match(text, /-h, --help/)
      const flags = Object.entries<{ value?: string; about: string; short?: string }>(
        COMMANDS[name].flags,
      )
      for (const [flag, { value, about, short }] of flags) {
        const left = `--${flag}${value === undefined ? '' : ` ${value}`}`
        const line = text.split('\n').find((row) => row.startsWith('  ') && row.includes(left))
        assert.ok(line?.endsWith(about), `${name} ${flag}`)
        if (short !== undefined) assert.ok(line?.includes(`-${short}, --`))
      }
    }
  })

  it('fits a terminal of 120 columns', () => {
    for (const name of [undefined, 'run', 'check', 'demo'] as const) {
      for (const line of helpText(name).split('\n')) assert.ok(line.length <= 120, line)
    }
  })
})
