/** The software bill of materials (CycloneDX), without what differs from one run to the next. */

interface Bill {
  serialNumber?: string
  metadata?: {
    timestamp?: string
    component?: { name: string; type: string; properties?: unknown }
  }
}

/** From what `npm sbom` prints, which takes the name of the folder for that of the project. */
export function billOfMaterials(printed: string, name: string): string {
  const bill: Bill = JSON.parse(printed)
  delete bill.serialNumber
  delete bill.metadata?.timestamp
  const component = bill.metadata?.component
  if (component === undefined) throw new Error('npm sbom names no component')
  Object.assign(component, { name, type: 'application' })
  delete component.properties
  return `${JSON.stringify(bill, null, 2)}\n`
}
