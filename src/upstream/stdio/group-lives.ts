/** Whether anything is left of a process group. Windows has none. */
export function groupLives(pid: number): boolean {
  if (process.platform === 'win32') return false
  try {
    process.kill(-pid, 0)
    return true
  } catch {
    return false
  }
}
