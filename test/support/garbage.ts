/**
 * Loaded into a sidecar whose memory is looked at: collects what nobody holds when it is told to by
 * SIGUSR2, and says so on standard error. When V8 does that by itself depends on much else.
 */

process.on('SIGUSR2', () => {
  // A second time for what the first has only told that it may go.
  globalThis.gc?.()
  globalThis.gc?.()
  process.stderr.write('garbage collected\n')
})
