/** The keys of the sidecar's own statistics, its verdict on upstreams, and its alerts. */

import * as z from 'zod/mini'
import { ALERT_DEFAULTS, type AlertRuleName } from '../core/alert-defaults.ts'
import { UPSTREAM_NAME } from './names.ts'
import { about, count, countOrNone, duration, text, wait } from './scalars.ts'
import { headerName, headerSource, isUpstreamUrl } from './upstream-schema.ts'

const share = z.number().check(
  z.refine((value) => value >= 0 && value <= 1, {
    error: 'expected a share from 0 to 1, such as 0.05',
  }),
)

const positive = z.number().check(z.gt(0, { error: 'expected a number above 0' }))

const healthLimits = (errorRate: number, p95: string) =>
  z.prefault(
    z.strictObject({
      errorRate: about(z._default(share, errorRate), 'Share of calls that fail.'),
      p95: about(z._default(wait, p95), '95th percentile of what calls take.'),
    }),
    {},
  )

const health = z.strictObject({
  warning: about(healthLimits(0.05, '3s'), 'Above one of these: WARNING.'),
  critical: about(healthLimits(0.1, '10s'), 'Above one of these: CRITICAL.'),
  minimumCalls: about(z._default(count, 10), 'Fewer calls in 5 minutes prove nothing.'),
  recoverAfter: about(
    z._default(duration, '1m'),
    'How long it has to be better before the verdict is.',
  ),
})

/** Most entries of the list of recent calls, which takes about 0.25 KB for each. */
const RECENT_MAX = 100_000

/** Most tools in all, which take about 3 KB each. */
const TOOLS_MAX = 100_000

export const insight = z.strictObject({
  recentCalls: about(
    z._default(countOrNone.check(z.lte(RECENT_MAX)), 1_000),
    'Calls that are remembered one by one.',
  ),
  tools: about(
    z._default(count.check(z.lte(TOOLS_MAX)), 15_000),
    'Tools with statistics of their own, all upstreams together; further ones count as `_OTHER`.',
  ),
  health: about(z.prefault(health, {}), 'The verdict on an upstream, over 5 minutes.'),
})

const labelName = z.string().check(
  z.regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, { error: 'expected a label name such as cluster' }),
  z.refine((name) => name !== 'alertname' && name !== 'severity', {
    error: 'this label says which alert it is and cannot be set',
  }),
)

const minutes = (ms: number): string => (ms === 0 ? '0s' : `${ms / 60_000}m`)

const perUpstream = <T extends z.ZodMiniType>(differences: T) =>
  about(
    z._default(z.record(z.string().check(z.regex(UPSTREAM_NAME)), differences), {}),
    'Differences for single upstreams, by name.',
  )

const common = (name: AlertRuleName) => ({
  enabled: about(z._default(z.boolean(), true), 'False: no such alert.'),
  for: about(
    z._default(duration, minutes(ALERT_DEFAULTS[name].forMs)),
    'How long it has to hold before it fires.',
  ),
  keepFiringFor: about(
    z._default(duration, minutes(ALERT_DEFAULTS[name].keepFiringForMs)),
    'How long it goes on firing after it last held.',
  ),
})

/** What any rule may say otherwise of one upstream. */
const different = {
  enabled: about(z.optional(z.boolean()), 'In place of `enabled`.'),
  for: about(z.optional(duration), 'In place of `for`.'),
}

/** A share of calls, or what they take. */
const ofCalls = (name: AlertRuleName, threshold: typeof share) =>
  z.prefault(
    z.strictObject({
      ...common(name),
      threshold: about(
        z._default(threshold, ALERT_DEFAULTS[name].threshold),
        'The figure beyond which it holds.',
      ),
      minimumCalls: about(
        z._default(countOrNone, ALERT_DEFAULTS[name].callsMin),
        'Calls that there must have been in the window.',
      ),
      minimumErrors: about(
        z._default(countOrNone, ALERT_DEFAULTS[name].badCallsMin),
        'Calls that must have counted against it in the window.',
      ),
      upstreams: perUpstream(
        z.strictObject({
          ...different,
          threshold: about(z.optional(threshold), 'In place of `threshold`.'),
          minimumCalls: about(z.optional(countOrNone), 'In place of `minimumCalls`.'),
          minimumErrors: about(z.optional(countOrNone), 'In place of `minimumErrors`.'),
        }),
      ),
    }),
    {},
  )

/** A state that is there or not. */
const ofState = (name: AlertRuleName) =>
  z.prefault(
    z.strictObject({
      ...common(name),
      upstreams: perUpstream(z.strictObject(different)),
    }),
    {},
  )

/** A number of things that were lost. */
const ofLoss = (name: AlertRuleName) =>
  z.prefault(
    z.strictObject({
      ...common(name),
      threshold: about(
        z._default(count, ALERT_DEFAULTS[name].threshold),
        'So many of them in 10 minutes.',
      ),
    }),
    {},
  )

const rules = z.strictObject({
  errorRate: about(ofCalls('errorRate', share), 'Share of calls that fail, over 5 minutes.'),
  latency: about(ofCalls('latency', positive), 'Seconds that 95 % of calls take, over 5 minutes.'),
  availability: about(
    ofCalls('availability', share),
    'Share of calls that found a working server, over 30 minutes; holds below the threshold.',
  ),
  breakerOpen: about(ofState('breakerOpen'), 'The breaker of an upstream is open.'),
  upstreamDown: about(ofState('upstreamDown'), 'An upstream fails its health checks.'),
  auditFailing: about(ofLoss('auditFailing'), 'Audit records that were not written.'),
  telemetryFailing: about(ofLoss('telemetryFailing'), 'Items that the collector did not take.'),
  telemetryDropped: about(
    ofLoss('telemetryDropped'),
    'Items that came faster than they could be sent.',
  ),
})

const receiver = z.strictObject({
  type: about(
    z._default(z.enum(['alertmanager', 'webhook']), 'alertmanager'),
    '`alertmanager` is told by its API (v2); `webhook` gets what Alertmanager sends to webhooks (version 4).',
  ),
  url: about(
    text('an http:// or https:// URL without a fragment and without credentials', isUpstreamUrl),
    'Of Alertmanager the address without `/api/v2/alerts`; of a webhook the whole one.',
  ),
  headers: about(
    z._default(z.record(headerName, headerSource), {}),
    'Headers of requests to it, such as credentials; a value can be read from a file.',
  ),
})

export const alerts = z.strictObject({
  rules: about(
    z.prefault(rules, {}),
    'The alerts, which have the names and the meaning of the rules for Prometheus (docs/insight.md).',
  ),
  receivers: about(
    z._default(
      z.record(
        z.string().check(
          z.regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, {
            error: 'expected a name of lower-case letters, digits, - and _, at most 63 long',
          }),
        ),
        receiver,
      ),
      {},
    ),
    'Who is told of alerts, by a name of your choice.',
  ),
  labels: about(
    z._default(z.record(labelName, z.string().check(z.minLength(1))), {}),
    'Labels of every alert, such as `cluster`; `instance` is the host name unless it stands here.',
  ),
  externalUrl: about(
    z.optional(text('an http:// or https:// URL without credentials or fragment', isUpstreamUrl)),
    'Where people reach the status page, for the links of alerts.',
  ),
})
