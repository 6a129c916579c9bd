/** Finds the array of records in the first bytes of a JSON document whose shape nobody has told. */

const tokenPattern = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g

interface Open {
  readonly kind: "{" | "["
  readonly start: number
  /** Names from the root to here; `undefined` below a list. */
  readonly path: readonly string[] | undefined
  /** The member's name that was read last. */
  name: string | undefined
}

/**
 * Names down to the longest array of objects that only objects stand around; `undefined` where
 * there is none, or the root is no object.
 */
export function findRecords(head: string): readonly string[] | undefined {
  const stack: Open[] = []
  let best: readonly string[] | undefined
  let bestLength = 0
  let before = ""
  let listOfObjects: Open | undefined
  const close = (open: Open | undefined, end: number) => {
    if (open === undefined || open !== listOfObjects || end - open.start <= bestLength) return
    bestLength = end - open.start
    best = open.path
  }
  for (const { 0: token, index } of head.matchAll(tokenPattern)) {
    const top = stack.at(-1)
    if (token === "{" || token === "[") {
      if (top === undefined && token === "[") return undefined
      if (token === "{" && before === "[" && top?.path !== undefined) listOfObjects = top
      stack.push({ kind: token, start: index, path: pathBelow(top), name: undefined })
    } else if (token === "}" || token === "]") {
      close(stack.pop(), index)
    } else if (token.startsWith('"') && top?.kind === "{" && before !== ":") {
      top.name = nameOf(token)
    }
    before = token
  }
  for (const open of stack) close(open, head.length)
  return best
}

function pathBelow(top: Open | undefined): readonly string[] | undefined {
  if (top === undefined) return []
  if (top.kind === "[" || top.path === undefined || top.name === undefined) return undefined
  return [...top.path, top.name]
}

function nameOf(token: string): string | undefined {
  try {
    return JSON.parse(token) as string
  } catch {
    return undefined
  }
}
