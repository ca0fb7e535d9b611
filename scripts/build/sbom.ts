/** The software bill of materials (CycloneDX), without what differs from one run to the next. */

import type { BundledPackage } from './bundled.ts'

interface Bill {
  serialNumber?: string
  metadata?: {
    timestamp?: string
    component?: { name: string; type: string; properties?: unknown; 'bom-ref': string }
  }
  components: readonly { name: string; version: string; scope?: string; 'bom-ref': string }[]
  dependencies: readonly { ref: string; dependsOn: readonly string[] }[]
}

/**
 * From what `npm sbom` prints of everything that is installed. It names the packages that a bundle holds:
 * npm's own choice leaves out what a package for tests needs as well. It takes the name of the folder for
 * that of the project.
 */
export function billOfMaterials(
  printed: string,
  name: string,
  packages: readonly BundledPackage[],
): string {
  const bill: Bill = JSON.parse(printed)
  delete bill.serialNumber
  delete bill.metadata?.timestamp
  const component = bill.metadata?.component
  if (component === undefined) throw new Error('npm sbom names no component')
  Object.assign(component, { name, type: 'application' })
  delete component.properties
  const held = new Set(packages.map((one) => `${one.name}@${one.version}`))
  bill.components = bill.components
    .filter((one) => held.has(`${one.name}@${one.version}`))
    .map((one) => ({ ...one, scope: 'required' }))
  const refs = new Set(bill.components.map((one) => one['bom-ref']))
  if (refs.size < held.size) throw new Error('npm sbom leaves out packages of the bundle')
  const root = component['bom-ref']
  bill.dependencies = bill.dependencies
    .filter(({ ref }) => ref === root || refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) }))
  return `${JSON.stringify(bill, null, 2)}\n`
}
