/** Who telemetry is from: the resource of OpenTelemetry. */

import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
  type Resource,
} from '@opentelemetry/resources'
import type { TelemetrySettings } from './env.ts'
import type { AttributeValue } from './span.ts'

export interface ResourceOptions {
  readonly settings: TelemetrySettings
  readonly version: string
  readonly instanceId: string
}

export function createResource(options: ResourceOptions): Resource {
  const own = resourceFromAttributes({
    'service.name': 'sidelight',
    'service.version': options.version,
    'service.instance.id': options.instanceId,
  })
  const { file } = options.settings
  return defaultResource()
    .merge(own)
    .merge(
      file === undefined
        ? detectResources({ detectors: [envDetector] })
        : resourceFromAttributes(file.resource),
    )
}

/** The resource's attributes, names and values in turn; all that we set or read are texts. */
export function flatten(resource: Resource): AttributeValue[] {
  return Object.entries(resource.attributes).flatMap(([name, value]) =>
    typeof value === 'string' || typeof value === 'number' ? [name, value] : [],
  )
}
