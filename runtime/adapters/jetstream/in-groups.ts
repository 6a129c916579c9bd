/** Does something for each, at most so many at once. Rejects with the first failure. */
export async function inGroups<A, B>(
  of: readonly A[],
  atOnceMax: number,
  work: (one: A) => Promise<B>,
): Promise<readonly B[]> {
  const done: B[] = []
  for (let at = 0; at < of.length; at += atOnceMax) {
    done.push(...(await Promise.all(of.slice(at, at + atOnceMax).map(work))))
  }
  return done
}
