/** An agent whose chart has ours as a dependency, as docs/helm.md shows. */

import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { stringify } from 'yaml'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { CHART, only, renderChart } from './chart.ts'

/** A chart of an agent that has this one as a dependency. */
export const AGENT = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: agent
spec:
  selector: { matchLabels: { app: agent } }
  template:
    metadata:
      labels:
        app: agent
        {{- include "sidelight.podLabels" .Subcharts.sidelight | nindent 8 }}
    spec:
      terminationGracePeriodSeconds: {{ include "sidelight.gracePeriod" .Subcharts.sidelight }}
      initContainers:
        - {{- include "sidelight.sidecar" .Subcharts.sidelight | nindent 10 }}
        - {{- include "sidelight.install" .Subcharts.sidelight | nindent 10 }}
      containers:
        - name: agent
          image: agent:1
          volumeMounts:
            - {{- include "sidelight.programMount" .Subcharts.sidelight | nindent 14 }}
      volumes:
        {{- include "sidelight.volumes" .Subcharts.sidelight | nindent 8 }}
        {{- include "sidelight.installVolumes" .Subcharts.sidelight | nindent 8 }}
`

export interface Pod {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> }
  readonly spec: {
    readonly terminationGracePeriodSeconds: number
    readonly initContainers: readonly Readonly<Record<string, unknown>>[]
    readonly containers: readonly Readonly<Record<string, unknown>>[]
    readonly volumes: readonly Readonly<Record<string, unknown>>[]
  }
}

/** The pod of that agent, with values under the name of the dependency. */
export async function agent(values: object = {}): Promise<Pod> {
  const chart = await temporaryDirectory()
  mkdirSync(path.join(chart, 'charts'))
  mkdirSync(path.join(chart, 'templates'))
  cpSync(CHART, path.join(chart, 'charts/sidelight'), { recursive: true })
  writeFileSync(path.join(chart, 'templates/agent.yaml'), AGENT)
  const about = {
    apiVersion: 'v2',
    name: 'agent',
    version: '1.0.0',
    dependencies: [{ name: 'sidelight', version: '>=0.0.0-0' }],
  }
  writeFileSync(path.join(chart, 'Chart.yaml'), stringify(about))
  const file = path.join(chart, 'values.yaml')
  writeFileSync(file, stringify({ sidelight: { ...values, enabled: false } }))
  const objects = renderChart<{ readonly template: Pod }>(chart)
  return only(objects, 'Deployment').spec.template
}
