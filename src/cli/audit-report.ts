/** What the check of an audit log found, for people. */

import type { Fault, VerifyReport } from '../audit/verify-report.ts'

export function describeReport(
  report: VerifyReport,
  used: { readonly chain: boolean; readonly checkpoints: boolean },
): string {
  const { segments, records, firstRecord, lastRecord, faults, notes, checkpoints } = report
  const lines = [
    `${plural(segments, 'segment')}, ${plural(records, 'record')} (${firstRecord} to ${lastRecord})`,
    used.chain
      ? 'chain: each record was checked against the one before'
      : 'chain: not checked, its key is not here; checkpoints tell of changes before the last of them',
    used.checkpoints
      ? `checkpoints: ${checkpoints.checked} fit, ${report.afterLastCheckpoint} records came after the last`
      : 'checkpoints: not checked, their public key is not here; records that were cut off at the end are not told',
    ...(checkpoints.notCovered > 0
      ? [`checkpoints: ${checkpoints.notCovered} could not be held against the records`]
      : []),
    ...notes.map((note) => `note: ${note}`),
    ...faults.map((fault) => `FAULT: ${placeOf(fault)}${fault.problem}`),
    faults.length === 0 ? 'in order' : plural(faults.length, 'fault'),
  ]
  return `${lines.join('\n')}\n`
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

function placeOf({ segment, record, offset }: Fault): string {
  const parts = [
    ...(segment === undefined ? [] : [`segment ${segment}`]),
    ...(record === undefined ? [] : [`record ${record}`]),
    ...(offset === undefined ? [] : [`byte ${offset}`]),
  ]
  return parts.length === 0 ? '' : `${parts.join(', ')}: `
}
