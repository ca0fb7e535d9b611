/** The API's types, as its schemas say them. */
export type {
  AlertView,
  CallView,
  PhasesView,
  PointView,
  StatsView,
  VerdictView,
  Window,
} from '../../http/api/stats-schema.ts'
export type {
  BreakerApiView,
  DriftView,
  GuardView,
  ToolView,
  UpstreamGlance,
} from '../../http/api/upstream-schema.ts'
export type { CallList, Snapshot, ToolList } from '../../http/api/snapshot-schema.ts'

export type Connection = 'connecting' | 'live' | 'offline' | 'paused' | 'signin' | 'forbidden'

export type SortKey = 'tool' | 'upstream' | 'calls' | 'rate' | 'errors' | 'p50' | 'p95' | 'tokens'

export type Dialog =
  | { readonly kind: 'breaker'; readonly upstream: string; readonly tool: string | undefined }
  | { readonly kind: 'silence'; readonly alert: import('../../http/api/stats-schema.ts').AlertView }
