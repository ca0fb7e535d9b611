/** Upper bounds of the buckets of histograms. */

/** Most of what Sidelight itself does to a call takes less than a millisecond. */
export const OVERHEAD_BUCKETS: readonly number[] = [
  0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
]

/** What a disk takes to have what was written, in seconds. */
export const SYNC_BUCKETS: readonly number[] = [
  0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5,
]

/** Streams last as long as somebody listens. */
export const STREAM_BUCKETS: readonly number[] = [1, 10, 60, 300, 1_800, 3_600, 14_400, 86_400]

/** From 256 bytes to 64 MiB, in powers of four. */
export const SIZE_BUCKETS: readonly number[] = [
  256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
]

/** Bucket boundaries that the MCP conventions give for all duration histograms, in seconds. */
export const MCP_DURATION_BUCKETS: readonly number[] = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300,
]

/** Seconds: what pools take, from a local connection to a call that waits for minutes. */
export const POOL_BUCKETS: readonly number[] = [
  0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300,
]
