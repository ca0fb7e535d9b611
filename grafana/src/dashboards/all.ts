/** Every dashboard, in the order of their links; and their files. */

import type { GeneratedFile } from '../generated-file.ts'
import { INCIDENT_DASHBOARD } from './incident.ts'
import type { Dashboard } from './model.ts'
import { OVERVIEW_DASHBOARD } from './overview.ts'
import { PIPELINE_DASHBOARD } from './pipeline.ts'
import { renderDashboard } from './render.ts'
import { SECURITY_DASHBOARD } from './security.ts'
import { SIDECAR_DASHBOARD } from './sidecar.ts'
import { SLO_DASHBOARD } from './slo.ts'
import { TOOL_DASHBOARD } from './tool.ts'
import { UPSTREAM_DASHBOARD } from './upstream.ts'

export const DASHBOARDS: readonly Dashboard[] = [
  OVERVIEW_DASHBOARD,
  INCIDENT_DASHBOARD,
  UPSTREAM_DASHBOARD,
  TOOL_DASHBOARD,
  SLO_DASHBOARD,
  SECURITY_DASHBOARD,
  SIDECAR_DASHBOARD,
  PIPELINE_DASHBOARD,
]

export function dashboardFiles(): readonly GeneratedFile[] {
  return DASHBOARDS.map((dashboard) => ({
    path: `grafana/dashboards/${dashboard.uid}.json`,
    text: `${JSON.stringify(renderDashboard(dashboard, DASHBOARDS), undefined, 2)}\n`,
  }))
}
