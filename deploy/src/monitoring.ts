/** What a platform adds beside the sidecars: scraping, rules, and who may reach the admin plane. */

import type { GeneratedFile } from '../../scripts/generated.ts'
import { LOCAL_LINKS, type Links } from '../../grafana/src/links.ts'
import { prometheusRule } from '../../grafana/src/rules/files.ts'
import { componentFile } from './kustomize.ts'
import type { Manifest } from './kubernetes.ts'
import { LABEL, NAME, PORT } from './names.ts'
import { manifestFile } from './print.ts'
import { PROGRAM } from './program.ts'

/** Found by the label that every pod with the sidecar has, in the namespace that it is made in. */
const POD_MONITOR: Manifest = {
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PodMonitor',
  metadata: { name: NAME, labels: { 'app.kubernetes.io/name': NAME } },
  spec: {
    selector: { matchLabels: { [LABEL.sidecar]: 'true' } },
    // Rules add up the sidecars of one job: those of one agent, where agents have this label.
    jobLabel: 'app.kubernetes.io/name',
    podMetricsEndpoints: [
      {
        port: PORT.admin,
        path: PROGRAM.paths.metrics,
        interval: '15s',
        scrapeTimeout: '10s',
      },
    ],
  },
}

/**
 * Lets scrapers reach the admin plane where a namespace denies by default. The kubelet's probes need no
 * rule. Where nothing else selects the pods, this denies all other traffic to them, the agent's own too.
 */
const NETWORK_POLICY: Manifest = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: `${NAME}-metrics`, labels: { 'app.kubernetes.io/name': NAME } },
  spec: {
    podSelector: { matchLabels: { [LABEL.sidecar]: 'true' } },
    policyTypes: ['Ingress'],
    ingress: [
      {
        from: [
          { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } },
        ],
        ports: [{ protocol: 'TCP', port: PROGRAM.adminPort }],
      },
    ],
  },
}

export function monitoringFiles(links: Links = LOCAL_LINKS): readonly GeneratedFile[] {
  const monitoring = 'deploy/kustomize/monitoring'
  const network = 'deploy/kustomize/network-policy'
  return [
    componentFile(
      monitoring,
      [
        "For Prometheus' operator: it scrapes the pods of the overlay's namespace, and evaluates the rules of",
        'grafana/rules. Rules are needed once for each Prometheus, not once for each namespace.',
      ],
      { resources: ['pod-monitor.yaml', 'prometheus-rule.yaml'] },
    ),
    manifestFile(`${monitoring}/pod-monitor.yaml`, [], [POD_MONITOR]),
    manifestFile(`${monitoring}/prometheus-rule.yaml`, [], [prometheusRule(links)]),
    componentFile(
      network,
      [
        'Lets Prometheus in where the namespace denies by default. Where it does not, this closes the pods to',
        "everything else, the agent's own callers too.",
      ],
      { resources: ['network-policy.yaml'] },
    ),
    manifestFile(`${network}/network-policy.yaml`, [], [NETWORK_POLICY]),
  ]
}
