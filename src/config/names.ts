/** What upstreams may be called: it stands in paths, labels and logs. */
export const UPSTREAM_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/
