/**
 * Writes what is made from the typed source in this directory: rules, manifests, routes, the index of
 * runbooks, dashboards. `--check` changes nothing and fails when a file is stale, missing or left over.
 */

import { fileURLToPath } from 'node:url'
import { staleFiles as stale, writeOrCheck, type Generated } from '../../scripts/generated.ts'
import { alertmanagerFiles } from './alertmanager.ts'
import { dashboardFiles } from './dashboards/all.ts'
import type { GeneratedFile } from './generated-file.ts'
import { managedAlertFiles } from './managed-alerts.ts'
import { ruleFiles } from './rules/files.ts'
import { runbookFiles } from './runbooks.ts'

/** What makes files; each is a list of whole files. */
const MAKERS: readonly (() => readonly GeneratedFile[])[] = [
  () => ruleFiles(),
  alertmanagerFiles,
  managedAlertFiles,
  dashboardFiles,
  runbookFiles,
]

const GENERATED: Generated = {
  files: generatedFiles,
  directories: ['grafana/rules', 'grafana/managed-alerts', 'grafana/dashboards'],
  except: ['grafana/rules/overrides.yaml'],
  command: 'npm run grafana:generate',
}

export function generatedFiles(): readonly GeneratedFile[] {
  return MAKERS.flatMap((make) => make())
}

/** What differs from the source, as sentences. */
export const staleFiles = (): readonly string[] => stale(GENERATED)

if (process.argv[1] === fileURLToPath(import.meta.url)) writeOrCheck(GENERATED, process.argv)
