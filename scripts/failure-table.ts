/**
 * What happens when something is down, slow, full or wrong: the tables of docs/operations.md. Each row
 * names the tests that show it; `test/docs/failures.test.ts` sees to it that they exist.
 */

import { table } from './markdown.ts'

/** Of a test file, and how the title of the test begins that shows it. */
export type Proof = readonly [file: string, title: string]

export interface Failure {
  readonly what: string
  /** What the agent, or whoever starts the sidecar, sees. */
  readonly seen: string
  /** What of it is recorded all the same, and what is lost. */
  readonly recorded: string
  readonly alerts: readonly string[]
  readonly todo: string
  readonly proofs: readonly Proof[]
}

export const FAILURE_KINDS = [
  'upstreams',
  'telemetry',
  'audit',
  'identity',
  'files',
  'load',
  'sidecar',
] as const

export type FailureKind = (typeof FAILURE_KINDS)[number]

const EVERYTHING = 'everything'

/** Who is not authenticated is refused before a message is read. */
const COUNTED_ALONE =
  'the counters `sidelight.auth.attempts` and `sidelight.exchanges`, and the log; a request without a sender has no call, and no span'

export const FAILURES: Readonly<Record<FailureKind, readonly Failure[]>> = {
  upstreams: [
    {
      what: 'An upstream is dead',
      seen: 'Within milliseconds: it cannot be reached, the tool did not run. After five attempts `breaker_open` at once, with the time to wait. Other upstreams notice nothing.',
      recorded: EVERYTHING,
      alerts: ['SidelightUpstreamDown', 'SidelightBreakerOpen', 'SidelightAvailabilityLow'],
      todo: 'Start it. The breaker closes by itself after three good calls.',
      proofs: [
        ['test/faults/http-scenarios.test.ts', 'a dead upstream: three calls'],
        ['test/faults/http-scenarios.test.ts', 'a dead upstream that comes back'],
        ['test/faults/neighbours.test.ts', 'an upstream that'],
      ],
    },
    {
      what: 'An upstream hangs',
      seen: '`timeout` after 30 s, and that nobody knows whether the tool ran; then `breaker_open`. Those that wait for a place are told within seconds.',
      recorded: EVERYTHING,
      alerts: ['SidelightUpstreamDown', 'SidelightBreakerOpen', 'SidelightPoolSaturated'],
      todo: 'Look at its log; restart it.',
      proofs: [
        ['test/faults/timeouts.test.ts', 'a hanging upstream: calls end after their time'],
        ['test/faults/timeouts.test.ts', 'a hanging upstream with no place left'],
      ],
    },
    {
      what: 'An upstream is slow, and answers',
      seen: 'Its answers, late.',
      recorded: EVERYTHING,
      alerts: ['SidelightLatencyP95High', 'SidelightLatencyBudgetBurn'],
      todo: 'Find out [who is slow](troubleshooting.md#calls-are-slow). `breaker.slowCalls: enforce` pauses it.',
      proofs: [['test/faults/http-scenarios.test.ts', 'an upstream that is late, sliced']],
    },
    {
      what: 'An upstream throttles (429 or 503 with `Retry-After`)',
      seen: 'One call gets that answer as it is; the others `throttled`, with the time that is left.',
      recorded: EVERYTHING,
      alerts: ['SidelightUpstreamThrottled'],
      todo: 'Call less, or ask for a higher quota.',
      proofs: [['test/faults/http-scenarios.test.ts', 'an upstream that answers 429']],
    },
    {
      what: 'An upstream breaks off, or talks garbage',
      seen: '`closed`, `reset` or `bad_message`, and that nobody knows whether the tool ran. No call of a tool is sent twice unless `retry.tools` names it.',
      recorded: EVERYTHING,
      alerts: ['SidelightErrorRateHigh', 'SidelightBreakerOpen'],
      todo: 'Look at its log, and at what stands between.',
      proofs: [
        ['test/faults/http-scenarios.test.ts', 'an upstream whose connections end in'],
        ['test/faults/http-scenarios.test.ts', 'an upstream that talks garbage'],
      ],
    },
    {
      what: 'One tool fails, others work',
      seen: 'The upstream’s own errors; after twenty calls `breaker_open` for this tool alone.',
      recorded: EVERYTHING,
      alerts: ['SidelightToolBreakerOpen', 'SidelightErrorRateHigh'],
      todo: 'Mend the tool.',
      proofs: [
        ['test/faults/http-scenarios.test.ts', 'a tool that fails inside while others work'],
      ],
    },
    {
      what: 'Its name is not found (DNS)',
      seen: 'As when it is dead.',
      recorded: 'everything; `sidelight.upstream.failed` says `ENOTFOUND` or `EAI_AGAIN`',
      alerts: ['SidelightUpstreamDown', 'SidelightBreakerOpen'],
      todo: '`sidelight doctor` where the sidecar runs.',
      proofs: [['test/faults/surroundings.test.ts', 'an upstream whose name nobody knows']],
    },
    {
      what: 'Its certificate is not trusted, or has expired',
      seen: 'As when it is dead; nothing of the call is sent.',
      recorded: 'everything; `sidelight.upstream.failed` names the reason',
      alerts: ['SidelightUpstreamDown', 'SidelightBreakerOpen'],
      todo: 'Renew it, or name its authority in `NODE_EXTRA_CA_CERTS` of the sidecar.',
      proofs: [
        ['test/faults/surroundings.test.ts', 'an upstream with a certificate that nobody trusts'],
      ],
    },
    {
      what: 'An upstream was restarted between two calls',
      seen: 'Nothing. Sessions that it forgot are its own 404, on which clients begin anew.',
      recorded: EVERYTHING,
      alerts: [],
      todo: 'Nothing.',
      proofs: [['test/e2e/keep-alive.test.ts', 'an upstream that was restarted between two calls']],
    },
    {
      what: 'A stdio server is in a crash loop',
      seen: '`process_exit`, then `restarting` at once, with the time to wait; starts become seldom, every 30 s in the end.',
      recorded: 'everything, and its standard error in the log',
      alerts: ['SidelightProcessCrashing'],
      todo: 'Read `process.stderr` in the log.',
      proofs: [
        ['test/faults/stdio-scenarios.test.ts', 'a program in a crash loop'],
        ['test/faults/stdio-scenarios.test.ts', 'a program that stops crashing is used again'],
      ],
    },
    {
      what: 'A stdio server hangs',
      seen: 'That session waits until its `timeout`; others have processes of their own.',
      recorded: EVERYTHING,
      alerts: ['SidelightErrorRateHigh'],
      todo: 'End the session, or let it time out.',
      proofs: [['test/faults/stdio-scenarios.test.ts', 'a program that hangs in one session']],
    },
  ],
  telemetry: [
    {
      what: 'The collector is down',
      seen: 'Nothing.',
      recorded:
        '`/metrics`, the log, the audit log, the status page; spans and records beyond the queues are lost and counted',
      alerts: ['SidelightTelemetryFailing', 'SidelightCollectorDown'],
      todo: 'Start it. Nothing has to be done to sidecars.',
      proofs: [
        ['test/e2e/bad-collector.test.ts', 'an absent collector of'],
        ['test/e2e/bad-collector.test.ts', 'a long outage holds no more than the queues'],
      ],
    },
    {
      what: 'The collector is slow, hangs, or refuses',
      seen: 'Nothing; the end of the sidecar takes `shutdown.flushTimeout` longer at most.',
      recorded: 'the same; what it says it did not take is counted too',
      alerts: [
        'SidelightTelemetryDropped',
        'SidelightCollectorRefusing',
        'SidelightCollectorQueueFilling',
      ],
      todo: 'More collectors, or fewer spans ([capacity.md](capacity.md)).',
      proofs: [
        ['test/e2e/bad-collector.test.ts', 'a collector of ${signal} that ${what} costs no call'],
        ['test/e2e/telemetry.test.ts', 'a process ends in time though its collector never answers'],
      ],
    },
    {
      what: 'The certificate of the collector is not trusted',
      seen: 'Nothing.',
      recorded: 'as when it is down',
      alerts: ['SidelightTelemetryFailing'],
      todo: '`OTEL_EXPORTER_OTLP_CERTIFICATE`; `sidelight doctor` tries it.',
      proofs: [['test/e2e/otlp-tls.test.ts', 'a collector whose certificate is not trusted']],
    },
    {
      what: 'Nothing scrapes, or scrapes pile up',
      seen: 'Nothing. A fifth scrape at a time is answered 503.',
      recorded: 'everything; counters go on, so that a gap is one in time only',
      alerts: ['SidelightNoTelemetry', 'SidelightGone'],
      todo: 'See what Prometheus says of the target.',
      proofs: [['test/http/metrics-endpoint.test.ts', 'beyond the limit is refused and counted']],
    },
    {
      what: 'Alertmanager, or a webhook, is down',
      seen: 'Nothing.',
      recorded:
        'alerts on the status page and in the API; receivers are told the present state when they are back',
      alerts: ['SidelightAlertDeliveryFailing'],
      todo: 'Nothing at the sidecar; `sidelight.alert.deliveries` shows it.',
      proofs: [
        ['test/insight/delivery.test.ts', 'that fails is told again with growing pauses'],
        ['test/insight/delivery.test.ts', 'that was away from beginning to end'],
      ],
    },
    {
      what: 'Nobody reads standard error, or its reader goes away',
      seen: 'Nothing.',
      recorded: 'log lines beyond 1 MiB are left out, and counted in the log later; OTLP has them',
      alerts: [],
      todo: 'Mend what collects logs.',
      proofs: [
        ['test/e2e/hostile.test.ts', 'a log that is not read holds up no call'],
        ['test/e2e/hostile.test.ts', 'the process survives the reader of its standard error'],
      ],
    },
  ],
  audit: [
    {
      what: 'The disk is full, or the directory cannot be written to any more: `mode: batch`',
      seen: 'Nothing.',
      recorded:
        'entries wait, up to `audit.queue`; beyond it they are left out, and a record `audit.gap` says how many',
      alerts: ['SidelightAuditFailing', 'SidelightAuditFilling'],
      todo: 'Make room; it goes on by itself.',
      proofs: [
        ['test/audit/full-disk.test.ts', 'An audit log goes on after its disk was full'],
        ['test/audit/writer.test.ts', 'takes no more than its queue holds'],
      ],
    },
    {
      what: 'The same with `mode: strict`, or a disk that hangs',
      seen: '`audit_unavailable`, after `audit.strictTimeout` at most; the upstream never sees the call.',
      recorded: 'no call went out without its record',
      alerts: ['SidelightAuditFailing', 'SidelightAvailabilityLow'],
      todo: 'Make room; calls pass again by themselves.',
      proofs: [
        ['test/e2e/audit.test.ts', 'a strict call is refused with 503, and never sent'],
        ['test/audit/writer.test.ts', 'makes nobody wait longer than it may when the disk hangs'],
      ],
    },
    {
      what: 'The directory cannot be written to at the start, or a chain key is missing, or another sidecar writes to it',
      seen: 'The sidecar does not start, exit code 1, and says which.',
      recorded: 'nothing is begun anew over a log that is there',
      alerts: ['SidelightGone', 'SidelightRestarting'],
      todo: 'One directory for each sidecar; put keys back from the [backup](#backups).',
      proofs: [
        ['test/e2e/audit.test.ts', 'a start without a directory that can be written to is refused'],
        ['test/audit/log.test.ts', 'has one writer: a second one is refused'],
        ['test/audit/log.test.ts', 'is not begun anew over a log whose chain key is gone'],
      ],
    },
    {
      what: 'Somebody removes or rotates the file that is written to',
      seen: 'Nothing.',
      recorded:
        'noticed within 5 s; the log goes on in another file, and `verify` tells what is missing',
      alerts: ['SidelightAuditFailing'],
      todo: 'Leave rotation and removal to the sidecar (`audit.retention`).',
      proofs: [
        [
          'test/audit/log.test.ts',
          'notices within seconds that the file it writes to was taken away',
        ],
      ],
    },
    {
      what: 'The sidecar is killed while it writes',
      seen: 'Its connections break.',
      recorded:
        'what `strict` calls waited for is there; of `batch` what waited is lost: `audit.flushInterval`, or more with a slow disk. Half a line is cut off at the next start, which is recorded',
      alerts: ['SidelightGone'],
      todo: 'Nothing.',
      proofs: [
        ['test/e2e/audit.test.ts', 'a sidecar that is killed loses nothing that was acknowledged'],
        ['test/audit/log.test.ts', 'loses a last line that is not whole'],
      ],
    },
  ],
  identity: [
    {
      what: 'The keys of an issuer cannot be read (JWKS)',
      seen: 'Nothing for an hour; then, and at a start without keys, 503 `auth_unavailable` with `Retry-After`, never 401.',
      recorded: COUNTED_ALONE,
      alerts: ['SidelightKeysStale', 'SidelightAuthUnavailable'],
      todo: '`sidelight doctor` fetches them as the sidecar does.',
      proofs: [
        ['test/auth/key-set.test.ts', 'stay in use while their issuer is down'],
        ['test/e2e/auth.test.ts', 'makes calls wait for better times'],
      ],
    },
    {
      what: 'Introspection is down',
      seen: 'Tokens that were asked for within `auth.cacheTtl` are good; others get 503 `auth_unavailable`.',
      recorded: COUNTED_ALONE,
      alerts: ['SidelightAuthUnavailable'],
      todo: 'Mend the issuer.',
      proofs: [['test/auth/authenticator.test.ts', 'and cannot be asked leaves nobody in']],
    },
    {
      what: 'The issuer changes its keys',
      seen: 'Nothing.',
      recorded: EVERYTHING,
      alerts: [],
      todo: 'Nothing.',
      proofs: [['test/e2e/auth.test.ts', 'costs no call, however often']],
    },
    {
      what: 'The clock of the sidecar, or of the issuer, is off by more than `auth.clockTolerance`',
      seen: '401 `invalid_token`.',
      recorded:
        'the same; the reason is `expired` or `not_yet_valid`, also in the audit log (`auth.failed`)',
      alerts: ['SidelightAuthFailureSpike', 'SidelightEveryoneDenied'],
      todo: 'Set the clock; `sidelight doctor` compares them.',
      proofs: [
        ['test/cli/doctor.test.ts', 'fails where tokens would be refused'],
        ['test/auth/token-attacks.test.ts', 'in which ${name}: ${expected}'],
      ],
    },
    {
      what: 'The file of revocations is gone, or wrong',
      seen: 'Nothing; at the start: it does not start.',
      recorded: 'what it said last stays in force; `sidelight.auth.file_unreadable`',
      alerts: [],
      todo: 'Put it back.',
      proofs: [['test/faults/surroundings.test.ts', 'a file of authentication that goes away']],
    },
  ],
  files: [
    {
      what: 'The configuration is not valid at the start',
      seen: 'The sidecar does not start, exit code 2, and names every line that is wrong and what was expected.',
      recorded: '–',
      alerts: ['SidelightGone'],
      todo: '`sidelight check FILE`, before it is rolled out.',
      proofs: [
        ['test/e2e/lifecycle.test.ts', 'a file with ${what} refuses the start and names its line'],
      ],
    },
    {
      what: 'The configuration is not valid at a reload',
      seen: 'Nothing: what ran goes on.',
      recorded: '`sidelight_config_valid` is 0, the log names the lines',
      alerts: ['SidelightConfigInvalid'],
      todo: 'Mend the file; it is read again by itself.',
      proofs: [['test/e2e/reload.test.ts', 'a bad file changes nothing, is counted, and is named']],
    },
    {
      what: 'The configuration is deleted while it runs',
      seen: 'Nothing; a restart would not come back.',
      recorded: '–',
      alerts: [],
      todo: 'Put it back.',
      proofs: [
        ['test/faults/surroundings.test.ts', 'a configuration file that is gone changes nothing'],
      ],
    },
    {
      what: 'The file of a credential is missing',
      seen: 'At the start: it does not start, exit code 1. Later: the old value stays in use, until the upstream refuses it. A token of the admin listener is not accepted any more.',
      recorded: '`sidelight.secret.unreadable`',
      alerts: [],
      todo: 'Put it back; it is looked at every 5 s. Each file is in [configuration.md](configuration.md#secrets-in-files).',
      proofs: [
        ['test/faults/surroundings.test.ts', 'a start without the file of a credential is refused'],
        ['test/upstream/header-source.test.ts', 'later leaves the value as it was'],
      ],
    },
    {
      what: 'A pin file is wrong after a change',
      seen: 'Nothing: what was read before holds.',
      recorded: 'the log says so',
      alerts: [],
      todo: 'Mend it.',
      proofs: [
        [
          'test/e2e/catalogue.test.ts',
          'a pin file is read again when it changes, and a bad one keeps',
        ],
      ],
    },
    {
      what: 'A port is taken',
      seen: 'The sidecar does not start, exit code 1, and names the flag that changes it.',
      recorded: '–',
      alerts: ['SidelightGone'],
      todo: '`sidelight doctor` says whether a sidecar has it.',
      proofs: [['test/e2e/lifecycle.test.ts', 'a port that is taken is named']],
    },
  ],
  load: [
    {
      what: 'More calls than an upstream takes at a time',
      seen: 'They wait in turn, client by client; after `queueTimeout`, or when the queue is full, `queue_timeout`.',
      recorded: EVERYTHING,
      alerts: ['SidelightPoolSaturated', 'SidelightPoolExhausted'],
      todo: 'Find out why calls take long; raise `concurrency` if the upstream can take it.',
      proofs: [
        ['test/faults/breaker-faults.test.ts', 'calls that wait for their turn in vain'],
        ['test/e2e/breaker.test.ts', 'refuses a call that could not begin in time'],
      ],
    },
    {
      what: 'More exchanges and streams than `limits.streams`, or processes than `processes`',
      seen: '`at_capacity`',
      recorded: 'everything; `sidelight.limit.hits`',
      alerts: ['SidelightLimitHit'],
      todo: 'Raise the limit, or find who holds them.',
      proofs: [
        ['test/e2e/outcomes.test.ts', 'at limits.streams a call is refused and counted'],
        ['test/e2e/process-table.test.ts', 'there are as many processes as there may be'],
      ],
    },
    {
      what: 'More connections than `limits.connections`',
      seen: 'New ones are closed at once.',
      recorded: '`sidelight.limit.hits`; no call has begun',
      alerts: ['SidelightLimitHit'],
      todo: 'Raise it, and `ulimit -n` with it.',
      proofs: [['test/e2e/outcomes.test.ts', 'connections beyond limits.connections']],
    },
    {
      what: 'More sessions than `limits.sessions`',
      seen: 'Nothing at HTTP upstreams: the one used least recently, of the same principal if there is one, is forgotten here and goes on.',
      recorded: 'its end, and `sidelight.limit.hits`',
      alerts: ['SidelightLimitHit'],
      todo: 'Raise it, or lower `limits.sessionIdle`.',
      proofs: [
        ['test/upstream/sessions.test.ts', 'lets the least recently used go, and counts that'],
      ],
    },
    {
      what: 'Memory gets short: large bodies at once',
      seen: 'Bodies beyond `limits.bodies` together get `at_capacity`, one beyond `limits.body` 413. Replies pass in pieces, whatever their size.',
      recorded: 'everything; `sidelight.limit.hits`',
      alerts: ['SidelightLimitHit'],
      todo: 'See [sizes](#sizes). A sidecar that the kernel kills is like one that is killed, below.',
      proofs: [
        ['test/e2e/hostile.test.ts', 'bodies beyond limits.bodies are answered at_capacity'],
        ['test/e2e/outcomes.test.ts', 'a body that is too large is answered 413'],
      ],
    },
    {
      what: 'A client reads slowly, or never closes',
      seen: 'The upstream is slowed down to its pace; nobody else waits. A request that never becomes whole is ended after `limits.requestTimeout`.',
      recorded: EVERYTHING,
      alerts: [],
      todo: 'Nothing.',
      proofs: [
        ['test/pipeline/deliver.test.ts', 'pauses the upstream until it has caught up'],
        ['test/e2e/hostile.test.ts', 'a client that never closes does not hold its connection'],
      ],
    },
    {
      what: 'The sidecar is short of CPU, or something holds its event loop',
      seen: 'Every call takes longer by about that.',
      recorded:
        'everything; `nodejs_eventloop_delay_p99_seconds` and `sidelight_overhead_duration_seconds` say how much',
      alerts: ['SidelightEventLoopSlow', 'SidelightOverloaded'],
      todo: 'Take its limit of CPU away, or run more sidecars.',
      proofs: [
        ['test/telemetry/runtime-metrics.test.ts', 'tells how long its event loop was held'],
        ['test/telemetry/traffic.test.ts', 'is from its last byte to the hand-over'],
      ],
    },
    {
      what: 'An agent makes up names of tools, or repeats itself',
      seen: 'The upstream’s answers.',
      recorded: 'made-up names share one series, `_OTHER`; repetition is counted',
      alerts: [
        'SidelightAgentLooping',
        'SidelightAgentIgnoresRefusals',
        'SidelightCardinalityLimited',
      ],
      todo: 'Look at the agent ([tools.md](tools.md)).',
      proofs: [['test/e2e/agents.test.ts', '100,000 names that a model made up']],
    },
  ],
  sidecar: [
    {
      what: 'SIGTERM under load',
      seen: 'Calls under way finish, streams end in good order, new calls on open connections are told `draining`; exit code 0.',
      recorded: 'everything; what waits is sent within `shutdown.flushTimeout`',
      alerts: [],
      todo: 'Nothing.',
      proofs: [
        ['test/e2e/lifecycle.test.ts', 'SIGTERM lets the call under way finish'],
        ['test/e2e/lifecycle.test.ts', 'a call that hangs is broken off at drainTimeout'],
      ],
    },
    {
      what: 'The sidecar is killed (`kill -9`, out of memory)',
      seen: 'Connections break. Clients that try again find it as soon as it is back; sessions of stdio servers begin anew.',
      recorded:
        'spans and log records in the queues, statistics, silences and breakers are lost; for the audit log see above. Programs that it started are ended by their watchdog',
      alerts: ['SidelightGone', 'SidelightRestarting'],
      todo: 'See why; `kubectl describe pod` says `OOMKilled`.',
      proofs: [
        ['test/e2e/process-cleanup.test.ts', 'a sidecar that is killed takes its servers with it'],
        ['test/e2e/audit.test.ts', 'a sidecar that is killed loses nothing that was acknowledged'],
      ],
    },
    {
      what: 'The clock jumps',
      seen: 'Nothing: times are measured by a clock that does not jump.',
      recorded:
        'durations are true; the audit log keeps its order, and says so when time goes back',
      alerts: [],
      todo: 'Mend NTP.',
      proofs: [
        ['test/e2e/clock-steps.test.ts', 'spans of a call during which the wall clock steps'],
        ['test/faults/breaker-faults.test.ts', 'a wall clock that jumps moves no open time'],
        [
          'test/audit/log.test.ts',
          'keeps the order of its records, and says so, when the clock goes back',
        ],
      ],
    },
    {
      what: 'A defect of Sidelight',
      seen: 'That request gets 500 `internal`; others go on.',
      recorded: '`sidelight.sidecar.defect` with a stack',
      alerts: ['SidelightErrorRateHigh'],
      todo: 'Report it, please.',
      proofs: [['test/pipeline/handle.test.ts', 'because of a defect is answered 500']],
    },
  ],
}

export function failureTable(kind: FailureKind): string {
  const head = [
    'What is wrong',
    'What is seen',
    'What is recorded',
    'Alerts',
    'What to do',
    'Shown by',
  ]
  const rows = FAILURES[kind].map(({ what, seen, recorded, alerts, todo, proofs }) => [
    `**${what}**`,
    seen,
    recorded,
    alerts.length === 0
      ? 'none'
      : alerts.map((name) => `[${name}](../grafana/runbooks/${name}.md)`).join(', '),
    todo,
    [...new Set(proofs.map(([file]) => file))]
      .map((file) => `[${file.replace(/^test\/(.*)\.test\.ts$/, '$1')}](../${file})`)
      .join(', '),
  ])
  return table(head, rows)
}
