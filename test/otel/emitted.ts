/** The schema that everything names; a literal, so that the code cannot vouch for itself. */
export const SCHEMA_URL_EMITTED = 'https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev'
