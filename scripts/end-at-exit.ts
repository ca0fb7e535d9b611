/**
 * Loaded before each test file: a process whose event loop is empty ends at once.
 *
 * Left to itself, Node 26.10 closes what handles there still are, and now and then waits for ever for one
 * that is closed already, with a core busy. A test that leaves something open still does not come to its
 * end, because the event is told only when nothing is left to do.
 */

process.on('exit', () => process.exit())
