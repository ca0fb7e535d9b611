/** Paths of the admin plane that machines ask: probes of an orchestrator, and scrapers of metrics. */

export const ADMIN_PATHS = {
  /** 200 while the process lives. */
  live: '/livez',
  /** The same, under the name that others use. */
  health: '/healthz',
  /** 200 while calls are accepted, 503 otherwise. */
  ready: '/readyz',
  metrics: '/metrics',
} as const
