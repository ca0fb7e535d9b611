/** The admission policies for the chart, with placeholders where others have parameters. */

import { asCel } from '../cel.ts'
import { sidecarContainer, sidecarVolumes, type SidecarSettings } from '../container.ts'
import {
  CONDITIONS,
  CONFIG_VARIABLE,
  injectionExpression,
  injectionVariables,
  MATCHES,
  POD_RULES,
} from '../injection.ts'

/**
 * Which pods, and what becomes of them. The template makes one policy with two bindings of it, or two of
 * Kyverno's, and writes the value of `sidecar.resources` as CEL in place of SIDELIGHT_RESOURCES.
 */
export function chartInjection(placeholders: SidecarSettings, pullPolicy: string): object {
  const settings = { ...placeholders, configMap: CONFIG_VARIABLE }
  const container = {
    ...sidecarContainer(settings),
    imagePullPolicy: pullPolicy,
    resources: asCel('SIDELIGHT_RESOURCES'),
  }
  return {
    matches: MATCHES,
    spec: {
      matchConstraints: { resourceRules: POD_RULES },
      matchConditions: CONDITIONS,
      variables: injectionVariables(placeholders.configMap),
      failurePolicy: 'Fail',
      mutations: [
        {
          patchType: 'JSONPatch',
          jsonPatch: { expression: injectionExpression(container, sidecarVolumes(settings)) },
        },
      ],
    },
  }
}
