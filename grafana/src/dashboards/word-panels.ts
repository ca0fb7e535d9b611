/** Panels of words: logs, traces, alerts, text. */

import { base, type PanelText } from './panels.ts'
import type { Panel } from './model.ts'

export interface LogText extends Omit<PanelText, 'queries' | 'unit'> {
  /** LogQL. */
  readonly expr: string
}

export function logs({ expr, ...words }: LogText): Panel {
  return {
    ...base({ empty: 'No log records', ...words, unit: 'none', queries: [{ kind: 'loki', expr }] }),
    type: 'logs',
    options: {
      dedupStrategy: 'none',
      enableLogDetails: true,
      prettifyLogMessage: false,
      showCommonLabels: false,
      showLabels: false,
      showTime: true,
      sortOrder: 'Descending',
      wrapLogMessage: true,
    },
  }
}

/** A table of traces, newest first; each opens in Tempo. */
export function traces({ expr, ...words }: LogText): Panel {
  return {
    ...base({ empty: 'No traces', ...words, unit: 'none', queries: [{ kind: 'tempo', expr }] }),
    type: 'table',
    custom: { align: 'auto', filterable: true, cellOptions: { type: 'auto' } },
    options: { showHeader: true, cellHeight: 'sm' },
  }
}

/** Words, in Markdown. */
export function text({
  title,
  description,
  width,
  height = 8,
  markdown,
}: Pick<PanelText, 'title' | 'description' | 'width' | 'height'> & {
  readonly markdown: string
}): Panel {
  return {
    ...base({ title, description, width, height, unit: 'none', queries: [], empty: 'Nothing' }),
    type: 'text',
    options: { mode: 'markdown', content: markdown, code: { language: 'markdown' } },
  }
}

/** Alerts that fire or wait to, of Grafana and of the Prometheus that it knows. */
export function alertList(
  words: Pick<PanelText, 'title' | 'description' | 'width' | 'height'>,
): Panel {
  return {
    ...base({ ...words, unit: 'none', queries: [], empty: 'Nothing fires' }),
    type: 'alertlist',
    options: {
      alertInstanceLabelFilter: '',
      alertName: 'Sidelight',
      dashboardAlerts: false,
      groupBy: [],
      groupMode: 'default',
      maxItems: 20,
      showInactiveAlerts: false,
      showInstances: true,
      sortOrder: 1,
      stateFilter: { error: true, firing: true, noData: false, normal: false, pending: true },
      viewMode: 'list',
    },
  }
}
