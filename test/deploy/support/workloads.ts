/** Workloads as agents bring them, before anything is added. */

import type { Json } from './manifests.ts'

const container = {
  name: 'agent',
  image: 'registry.example.com/agent:1.0.0',
  securityContext: {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  },
}

const labels = { app: 'agent' }

const template = { metadata: { labels }, spec: { containers: [container] } }

const job = {
  template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } },
}

const selector = { matchLabels: labels }

/** One of each kind that makes pods. */
export const WORKLOADS: readonly Json[] = [
  workload('apps/v1', 'Deployment', { selector, template }),
  workload('apps/v1', 'StatefulSet', { selector, serviceName: 'agent', template }),
  workload('apps/v1', 'DaemonSet', { selector, template }),
  workload('batch/v1', 'Job', job),
  workload('batch/v1', 'CronJob', { schedule: '0 * * * *', jobTemplate: { spec: job } }),
]

/** With everything that a patch could do harm to. */
export const CROWDED: Json = workload('apps/v1', 'Deployment', {
  selector,
  template: {
    metadata: { labels, annotations: { 'example.com/team': 'research' } },
    spec: {
      initContainers: [{ ...container, name: 'migrate' }],
      containers: [container, { ...container, name: 'helper' }],
      volumes: [{ name: 'scratch', emptyDir: {} }],
      serviceAccountName: 'research',
    },
  },
})

function workload(apiVersion: string, kind: string, spec: Json): Json {
  return { apiVersion, kind, metadata: { name: 'agent' }, spec }
}
