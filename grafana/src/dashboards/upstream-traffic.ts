/** Rows of the upstream's dashboard: streams, sizes and sessions. */

import { TO_LOG, TO_TRACES, toSidecar } from './links.ts'
import type { Row } from './model.ts'
import { over, timeseries } from './panels.ts'
import { quantile, rate, sum, UPSTREAM } from './promql.ts'
import { HERE_LINKS } from './shared-panels.ts'

export const STREAMS: Row = {
  title: 'Streams and sizes',
  panels: [
    timeseries({
      title: 'First event, p95',
      description:
        'From the start of an attempt to the first event with a message in it, of replies that are event streams.',
      unit: 's',
      width: 8,
      min: 0,
      queries: [
        over(
          quantile(0.95, 'sidelight_first_event_duration_seconds', UPSTREAM, ['mcp_method_name']),
          '{{mcp_method_name}}',
          { exemplars: true },
        ),
      ],
      dataLinks: [TO_TRACES],
      empty: 'No reply was an event stream',
    }),
    timeseries({
      title: 'Streams, p95 of their length',
      description: 'How long event streams of the upstream lasted, by what they are for.',
      unit: 's',
      width: 8,
      min: 0,
      queries: [
        over(
          quantile(0.95, 'sidelight_stream_duration_seconds', UPSTREAM, ['sidelight_stream_kind']),
          '{{sidelight_stream_kind}}',
          { exemplars: true },
        ),
      ],
      dataLinks: [TO_TRACES],
      empty: 'No reply was an event stream',
    }),
    timeseries({
      title: 'Events',
      description: 'Events of streams per second, by what the stream is for.',
      unit: 'ops',
      width: 8,
      queries: [
        over(
          rate('sidelight_stream_events_total', UPSTREAM, ['sidelight_stream_kind']),
          '{{sidelight_stream_kind}}',
        ),
      ],
      dataLinks: [TO_TRACES],
      empty: 'No reply was an event stream',
    }),
    timeseries({
      title: 'Requests, p95 of their size',
      description: 'Bytes of bodies that were sent to the upstream, by method.',
      unit: 'bytes',
      width: 12,
      min: 0,
      queries: [
        over(
          quantile(0.95, 'sidelight_request_size_bytes', UPSTREAM, ['mcp_method_name']),
          '{{mcp_method_name}}',
          { exemplars: true },
        ),
      ],
      dataLinks: [TO_TRACES],
    }),
    timeseries({
      title: 'Replies, p95 of their size',
      description: 'Bytes of bodies that came from the upstream, by method.',
      unit: 'bytes',
      width: 12,
      min: 0,
      queries: [
        over(
          quantile(0.95, 'sidelight_response_size_bytes', UPSTREAM, ['mcp_method_name']),
          '{{mcp_method_name}}',
          { exemplars: true },
        ),
      ],
      dataLinks: [TO_TRACES],
    }),
  ],
}

export const SESSIONS: Row = {
  title: 'Sessions',
  collapsed: true,
  panels: [
    timeseries({
      title: 'Sessions',
      description: 'Open sessions, and sessions that ended per second, by how.',
      unit: 'short',
      width: 8,
      min: 0,
      queries: [
        over(sum('sidelight_sessions_active', UPSTREAM, []), 'open'),
        over(
          rate('sidelight_sessions_ended_total', UPSTREAM, ['sidelight_session_end']),
          '{{sidelight_session_end}} per second',
        ),
      ],
      dataLinks: HERE_LINKS,
    }),
    timeseries({
      title: 'Sessions, p95 of their length',
      description:
        'As the client sees them, and as the upstream does. Some clients open one for every call.',
      unit: 's',
      width: 8,
      min: 0,
      queries: [
        over(
          quantile(0.95, 'mcp_server_session_duration_seconds', UPSTREAM, ['mcp_protocol_version']),
          'client’s, {{mcp_protocol_version}}',
          { exemplars: true },
        ),
        over(
          quantile(0.95, 'mcp_client_session_duration_seconds', UPSTREAM, ['mcp_protocol_version']),
          'upstream’s, {{mcp_protocol_version}}',
          { exemplars: true },
        ),
      ],
      dataLinks: [TO_TRACES],
      empty: 'No session has ended yet',
    }),
    timeseries({
      title: 'Exchanges',
      description:
        'HTTP requests, or lines, under way, and how many ended per second, by what they are for.',
      unit: 'short',
      width: 8,
      min: 0,
      queries: [
        over(sum('sidelight_exchanges_active', UPSTREAM, []), 'under way'),
        over(
          rate('sidelight_exchanges_total', UPSTREAM, ['sidelight_exchange_kind']),
          '{{sidelight_exchange_kind}} per second',
        ),
      ],
      dataLinks: [toSidecar('/readyz', 'Health, as the sidecar sees it'), TO_LOG],
    }),
  ],
}
