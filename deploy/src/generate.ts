/**
 * Writes the manifests of deploy/kustomize, deploy/kyverno and deploy/helm from the typed source in this directory.
 * `--check` changes nothing and fails when a file is stale, missing or left over.
 */

import { fileURLToPath } from 'node:url'
import { staleFiles, writeOrCheck, type Generated } from '../../scripts/generated.ts'
import { CHART, chartFiles } from './chart/files.ts'
import { injectionFiles } from './injection.ts'
import { kustomizeFiles } from './kustomize.ts'
import { monitoringFiles } from './monitoring.ts'

const GENERATED: Generated = {
  files: () => [...kustomizeFiles(), ...monitoringFiles(), ...injectionFiles(), ...chartFiles()],
  directories: ['deploy/kustomize', 'deploy/kyverno', `${CHART}/files`],
  except: [],
  command: 'npm run deploy:generate',
}

/** What differs from the source, as sentences. */
export const staleManifests = (): readonly string[] => staleFiles(GENERATED)

if (process.argv[1] === fileURLToPath(import.meta.url)) writeOrCheck(GENERATED, process.argv)
