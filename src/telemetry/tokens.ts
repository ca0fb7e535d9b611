/** What a text costs in a model's context, estimated from its length. */

/**
 * Bytes of UTF-8 per token. Tokenisers differ from model to model, so a count can only be an estimate;
 * docs/telemetry.md says how far it is off for which kind of text.
 */
export const BYTES_PER_TOKEN = 4

export function estimateTokens(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN)
}
