export interface WithinTimeOptions {
  /** True when the process need not live until the time is over. */
  readonly background?: boolean
}

/** What the work gives, or undefined when it takes longer; the work itself goes on. */
export async function withinTime<T>(
  work: Promise<T>,
  timeoutMs: number,
  { background = false }: WithinTimeOptions = {},
): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs)
    if (background) timer.unref()
  })
  const done = await Promise.race([work, late])
  clearTimeout(timer)
  return done
}
