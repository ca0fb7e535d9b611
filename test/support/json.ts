/** The one place where tests trust a shape instead of checking it: a wrong one fails their asserts. */

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it saves an assertion per use
export function parseJson<T>(text: string | Buffer): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test asserts what it needs
  return JSON.parse(text.toString()) as T
}
