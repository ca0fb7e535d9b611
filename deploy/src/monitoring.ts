/** What a platform adds beside the sidecars: scraping, rules, and who may reach the admin plane. */

import type { GeneratedFile } from '../../scripts/generated.ts'
import { LOCAL_LINKS, type Links } from '../../grafana/src/links.ts'
import { prometheusRule } from '../../grafana/src/rules/files.ts'
import { componentFile } from './kustomize.ts'
import type { Manifest } from './kubernetes.ts'
import { LABEL, NAME, PORT } from './names.ts'
import { manifestFile } from './print.ts'
import { PROGRAM } from './program.ts'

/** Found by the label that every pod with the sidecar has, in the namespaces that are given. */
export function podMonitor(namespaces: readonly string[] | 'own' | 'all' = 'own'): Manifest {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    metadata: { name: NAME, labels: { 'app.kubernetes.io/name': NAME } },
    spec: {
      selector: { matchLabels: { [LABEL.sidecar]: 'true' } },
      ...(namespaces === 'own'
        ? {}
        : {
            namespaceSelector: namespaces === 'all' ? { any: true } : { matchNames: namespaces },
          }),
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
}

/**
 * Lets scrapers reach the admin plane where a namespace denies by default. The kubelet's probes need no
 * rule. Where nothing else selects the pods, this denies all other traffic to them, the agent's own too.
 */
export function networkPolicy(scrapers = 'monitoring'): Manifest {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: `${NAME}-metrics`, labels: { 'app.kubernetes.io/name': NAME } },
    spec: {
      podSelector: { matchLabels: { [LABEL.sidecar]: 'true' } },
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [
            {
              namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': scrapers } },
            },
          ],
          ports: [{ protocol: 'TCP', port: PROGRAM.adminPort }],
        },
      ],
    },
  }
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
    manifestFile(`${monitoring}/pod-monitor.yaml`, [], [podMonitor()]),
    manifestFile(`${monitoring}/prometheus-rule.yaml`, [], [prometheusRule(links)]),
    componentFile(
      network,
      [
        'Lets Prometheus in where the namespace denies by default. Where it does not, this closes the pods to',
        "everything else, the agent's own callers too.",
      ],
      { resources: ['network-policy.yaml'] },
    ),
    manifestFile(`${network}/network-policy.yaml`, [], [networkPolicy()]),
  ]
}
