/** The fingerprint of a set of labels, as Prometheus and Alertmanager compute it. */

const OFFSET = 0xcbf29ce484222325n
const PRIME = 0x100000001b3n
const MASK = 0xffffffffffffffffn

/** Stands after each name and each value: a byte that no UTF-8 text has. */
const SEPARATOR = 0xffn

/** 64-bit FNV-1a over names and values in the order of the names (prometheus/common, `LabelSet`). */
export function fingerprintOf(labels: Readonly<Record<string, string>>): string {
  let sum = OFFSET
  const add = (byte: bigint): void => {
    sum = ((sum ^ byte) * PRIME) & MASK
  }
  for (const name of Object.keys(labels).toSorted()) {
    for (const text of [name, labels[name] ?? '']) {
      for (const byte of Buffer.from(text)) add(BigInt(byte))
      add(SEPARATOR)
    }
  }
  return sum.toString(16).padStart(16, '0')
}
