import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Env } from '../../src/config/expand-env.ts'
import { formatProblems, parseConfig, validateConfig } from '../../src/config/load.ts'

const UP = 'upstreams:\n  a:\n    url: http://h/mcp\n'

function problems(source: string, env: Env = {}): string[] {
  const result = parseConfig(source, env)
  return result.kind === 'config' ? [] : formatProblems('f', result.problems).split('\n')
}

function urlOf(text: string, env: Env = {}): string {
  const result = parseConfig(`upstreams:\n  a:\n    url: ${text}\n`, env)
  if (result.kind !== 'config') return formatProblems('f', result.problems)
  return result.config.upstreams['a']?.url ?? ''
}

describe('A configuration file', () => {
  it('may be YAML or JSON', () => {
    assert.deepEqual(problems(UP), [])
    assert.deepEqual(problems('{"upstreams": {"a": {"url": "http://h"}}}'), [])
  })

  it('needs an upstream', () => {
    const missing = 'f: upstreams: missing; this key is required'
    assert.deepEqual(problems(''), [missing])
    assert.deepEqual(problems('# nothing\n'), [missing])
    assert.deepEqual(problems('upstreams: {}\n'), [
      'f:1: upstreams: expected at least one upstream',
    ])
    assert.deepEqual(problems('upstreams:\n  a: {}\n'), [
      'f:2: upstreams.a: expected either url or command',
    ])
  })

  it('is refused in our own words, also where another package has given zod a language', async () => {
    const { config, locales } = await import('zod')
    const before = { ...config() }
    config(locales.en())
    try {
      assert.deepEqual(problems('[]'), ['f: expected a mapping of keys to values'])
    } finally {
      config(before)
    }
  })

  it('is a mapping', () => {
    for (const source of ['[]', '5', 'text']) {
      assert.deepEqual(problems(source), ['f: expected a mapping of keys to values'], source)
    }
    assert.deepEqual(problems(`${UP}listen:\n`), [
      'f:4: listen: expected a mapping of keys to values',
    ])
  })

  it('is refused with the nearest known key when a key is unknown', () => {
    assert.deepEqual(problems(`${UP}limits:\n  bdy: 1MiB\n`), [
      'f:5: limits.bdy: unknown key; did you mean "body"?',
    ])
    assert.deepEqual(problems(`${UP}    urll: x\n`), [
      'f:4: upstreams.a.urll: unknown key; did you mean "url"?',
    ])
    assert.deepEqual(problems(`${UP}colour: red\n`), [
      'f:4: colour: unknown key; known keys here: listen, upstreams, auth, audit, policy, limits, rejections, telemetry, insight, alerts, mcp, ui, shutdown, log',
    ])
  })

  it('is refused at the line of the key when the value stands below it', () => {
    assert.deepEqual(problems(`${UP}limit:\n\n  body: 1MiB\n`), [
      'f:4: limit: unknown key; did you mean "limits"?',
    ])
    assert.deepEqual(problems(`${UP}    header:\n      x: y\n`), [
      'f:4: upstreams.a.header: unknown key; did you mean "headers"?',
    ])
    assert.deepEqual(problems('upstreams:\n  A:\n    url: http://h\n'), [
      'f:2: upstreams.A: expected an upstream name of lower-case letters, digits, - and _, at most 63 long',
    ])
  })

  it('is refused with what was expected when a value is wrong', () => {
    const rows: readonly [string, string][] = [
      ['limits:\n  depth: "5"', 'limits.depth: expected a number'],
      ['limits:\n  depth: 1.5', 'limits.depth: expected a whole number'],
      ['limits:\n  depth: 0', 'limits.depth: expected at least 1'],
      ['limits:\n  body: 16MB', 'limits.body: expected a size such as 16MiB or 64KiB'],
      ['limits:\n  body: 5', 'limits.body: expected a size such as 16MiB or 64KiB'],
      [
        'shutdown:\n  drainTimeout: 5',
        'shutdown.drainTimeout: expected a duration such as 30s or 500ms, at most 24d',
      ],
      [
        'shutdown:\n  drainTimeout: 25d',
        'shutdown.drainTimeout: expected a duration such as 30s or 500ms, at most 24d',
      ],
      [
        'listen:\n  allowedHosts: ["h:80"]',
        'listen.allowedHosts.0: expected a host name without a port, such as sidelight.internal',
      ],
      ['log:\n  level: loud', 'log.level: expected one of debug, info, warn, error'],
      ['telemetry:\n  propagateMeta: "on"', 'telemetry.propagateMeta: expected a boolean'],
      ['listen:\n  data: nowhere', 'listen.data: expected an address such as 127.0.0.1:8420'],
    ]
    for (const [source, expected] of rows) {
      assert.deepEqual(problems(`${UP}${source}\n`), [`f:5: ${expected}`])
    }
  })

  it('names everything that is wrong at once', () => {
    assert.equal(problems(`${UP}rejections: x\nlog:\n  level: y\n  formt: z\n`).length, 3)
  })

  it('shows no value, which could be a secret', () => {
    const source = `upstreams:\n  a:\n    url: SECRET\n    headers:\n      k: "SECRET\\n"\n      SECRET y: x\n`
    const text = problems(source)
      .filter((line) => !line.includes('SECRET y'))
      .join('\n')
    assert.ok(text.length > 0)
    assert.doesNotMatch(text, /SECRET/)
  })

  it('is refused when a key stands twice', () => {
    assert.deepEqual(problems(`${UP}log: {}\nlog: {}\n`), [
      'f:5: this key stands here twice; keep one',
    ])
  })

  it('is refused when it is no YAML', () => {
    assert.match(problems('upstreams:\n  a: b: c\n').join(), /^f:2: this is not valid YAML: /)
    assert.match(problems('{').join(), /^f:1: this is not valid YAML: /)
    assert.match(problems(`${UP}---\nb: 1\n`).join(), /^f:4: this is not valid YAML: /)
  })

  it('refuses aliases that lead nowhere or explode', () => {
    assert.match(problems('upstreams: *x\n').join(), /^f.*: this is not valid YAML: /)
    const ten = (item: string): string => `[${Array.from({ length: 10 }, () => item).join(',')}]`
    const bomb = `a: &a ${ten('1')}\nb: &b ${ten('*a')}\nc: &c ${ten('*b')}\nd: ${ten('*c')}\n`
    assert.match(problems(bomb).join(), /^f.*: this is not valid YAML: /)
  })

  it('refuses a path that two upstreams claim', () => {
    const twice =
      'upstreams:\n  a:\n    url: http://h\n    path: /m\n  b:\n    url: http://h\n    path: /m\n'
    assert.deepEqual(problems(twice), [
      'f:7: upstreams.b.path: "/m" is already the path of upstream "a"',
    ])
    const byName =
      'upstreams:\n  a:\n    url: http://h\n    path: /b/mcp\n  b:\n    url: http://h\n'
    assert.deepEqual(problems(byName), [
      'f:4: upstreams.a.path: "/b/mcp" is already the path of upstream "b"',
    ])
    const own = 'upstreams:\n  a:\n    url: http://h\n    path: /a/mcp\n'
    assert.deepEqual(problems(own), [])
  })
})

describe('A reference to the environment', () => {
  it('stands for the value of a variable', () => {
    assert.equal(urlOf('http://${HOST}/${P_1}', { HOST: 'h', P_1: 'x' }), 'http://h/x')
    assert.equal(urlOf('"${U}"', { U: 'http://h/' }), 'http://h/')
  })

  it('may have a default for a variable that is unset or empty', () => {
    assert.equal(urlOf('${U:-http://h/}'), 'http://h/')
    assert.equal(urlOf('${U:-http://h/}', { U: '' }), 'http://h/')
    assert.equal(urlOf('${U:-http://h/}', { U: 'http://x/' }), 'http://x/')
    assert.equal(urlOf('http://h/${U:-}'), 'http://h/')
  })

  it('is refused when the variable is missing and there is no default', () => {
    const expected =
      'f:3: upstreams.a.url: the environment variable U is not set; set it, or give a default as in ${U:-value}'
    assert.equal(urlOf('${U}'), expected)
    assert.equal(urlOf('${U}', { U: '' }), expected)
  })

  it('is literal text after a further dollar sign', () => {
    assert.equal(urlOf('http://h/?a=$${U}', { U: 'x' }), 'http://h/?a=${U}')
    assert.equal(urlOf('http://h/?a=$U$', { U: 'x' }), 'http://h/?a=$U$')
  })

  it('brings in text and no YAML', () => {
    assert.match(urlOf('${U}', { U: 'http://h/ \nlog: {}' }), /^http/)
    const expanded = urlOf('${U}', { U: 'http://h/?a=${V}', V: 'x' })
    assert.equal(expanded, 'http://h/?a=${V}')
  })

  it('stands for a number or a truth value where one is expected', () => {
    const source = `${UP}    connections: \${N}\ntelemetry:\n  propagateMeta: \${B:-false}\n`
    const result = parseConfig(source, { N: '7' })
    assert.ok(result.kind === 'config', problems(source, { N: '7' }).join())
    assert.equal(result.config.upstreams['a']?.connections, 7)
    assert.equal(result.config.telemetry.propagateMeta, false)
    assert.deepEqual(problems(source, { N: 'many' }), [
      'f:4: upstreams.a.connections: expected a number',
    ])
  })

  it('stands for text where text is expected, whatever it looks like', () => {
    for (const value of ['12345', '007', '-1', 'true', 'false', 'null', '1e3']) {
      for (const reference of ['${KEY}', '"${KEY}"']) {
        const source = `${UP}    headers:\n      X-Key: ${reference}\n`
        const result = parseConfig(source, { KEY: value })
        assert.ok(result.kind === 'config', `${value}: ${problems(source, { KEY: value }).join()}`)
        assert.equal(result.config.upstreams['a']?.headers['X-Key'], value)
      }
    }
  })

  it('is refused when it is none', () => {
    for (const text of ['${MY-VAR}', '${1A}', '${}', '${U', '${U:x}']) {
      assert.match(urlOf(`"${text}"`, { U: 'x' }), /^f:3: upstreams\.a\.url: expected \$\{NAME\}/)
    }
  })

  it('is found in lists too', () => {
    const source = `${UP}listen:\n  allowedHosts: ["\${H}"]\n`
    const result = parseConfig(source, { H: 'h.example' })
    assert.deepEqual(result.kind === 'config' && result.config.listen.allowedHosts, ['h.example'])
    assert.match(
      problems(source).join(),
      /^f:5: listen\.allowedHosts\.0: the environment variable H/,
    )
  })
})

describe('A configuration from flags', () => {
  it('is checked the same but has no lines', () => {
    const result = validateConfig({ upstreams: { a: { url: 'x' } } })
    assert.deepEqual(result, {
      kind: 'invalid',
      problems: [
        {
          path: 'upstreams.a.url',
          line: undefined,
          message: 'expected an http:// or https:// URL without credentials or fragment',
        },
      ],
    })
  })
})

describe('An upstream', () => {
  const LOOP = 'this is where Sidelight itself listens'

  it('that is the data listener itself is refused at its line', () => {
    const rows = [
      ['127.0.0.1:8420', 'http://127.0.0.1:8420/a/mcp'],
      ['127.0.0.1:8420', 'http://localhost:8420/mcp'],
      ['127.0.0.1:8420', 'http://LOCALHOST:8420'],
      ['0.0.0.0:9000', 'http://127.0.0.1:9000/mcp'],
      ['0.0.0.0:80', 'http://localhost/mcp'],
      ['"[::1]:9000"', 'http://[::1]:9000/mcp'],
      ['10.1.2.3:9000', 'http://10.1.2.3:9000/mcp'],
      ['proxy.example:9000', 'http://proxy.example:9000/mcp'],
    ]
    for (const [data, url] of rows) {
      const source = `listen:\n  data: ${data}\nupstreams:\n  good: { url: http://h/mcp }\n  a:\n    url: ${url}\n`
      assert.deepEqual(problems(source), [`f:6: upstreams.a.url: ${LOOP}`], `${data} ${url}`)
    }
  })

  it('that is the default data listener is refused when listen is left out', () => {
    assert.deepEqual(problems('upstreams:\n  a:\n    url: http://127.0.0.1:8420/mcp\n'), [
      `f:3: upstreams.a.url: ${LOOP}`,
    ])
  })

  it('on another port or another host is none', () => {
    for (const url of [
      'http://127.0.0.1:8421/mcp',
      'http://127.0.0.1/mcp',
      'https://127.0.0.1/mcp',
      'http://h.example:8420/mcp',
      'http://10.0.0.1:8420/mcp',
    ]) {
      assert.deepEqual(problems(`upstreams:\n  a: { url: "${url}" }\n`), [], url)
    }
  })
})

describe('An upstream on loopback', () => {
  it('is no loop when the data listener is bound to one other address', () => {
    const source = `listen:\n  data: 10.0.0.5:8080\nauth: { allowUnauthenticated: true }\nupstreams:\n  a: { url: "http://127.0.0.1:8080/mcp" }\n`
    assert.deepEqual(problems(source), [])
  })
})

describe('A header for an upstream', () => {
  it('is refused at its line when it belongs to the connection', () => {
    for (const name of [
      'Content-Length',
      'Transfer-Encoding',
      'Host',
      'host',
      'Connection',
      'TE',
      'Upgrade',
    ]) {
      assert.deepEqual(problems(`${UP}    headers:\n      X-Good: a\n      ${name}: "1"\n`), [
        `f:6: upstreams.a.headers.${name}: this header belongs to the connection and cannot be set`,
      ])
    }
  })
})
