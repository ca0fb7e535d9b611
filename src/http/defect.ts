/** What the admin plane answers, with status 500, to a request on which it failed. */
export const DEFECT = {
  error: 'internal',
  message: 'The sidecar failed on this request; its log says how.',
} as const
