/** The software bill of materials (CycloneDX), without what differs from one run to the next. */

interface Bill {
  serialNumber?: string
  metadata?: { timestamp?: string }
}

/** From what `npm sbom` prints. */
export function billOfMaterials(printed: string): string {
  const bill: Bill = JSON.parse(printed)
  delete bill.serialNumber
  delete bill.metadata?.timestamp
  return `${JSON.stringify(bill, null, 2)}\n`
}
