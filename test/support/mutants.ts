/** Reads `test/mutants.md`: breakages of one line each, and the test that must see each of them. */

export interface Mutant {
  readonly title: string
  readonly file: string
  readonly before: string
  readonly after: string
  readonly testFile: string
  /** The test's full name, groups included. */
  readonly test: string
}

const section = /^## (.+)\n\n`(.+)`\n\n```diff\n- ?(.*)\n\+ ?(.*)\n```\n\n`(.+)`: (.+)$/gm

/** Throws where a section is not written as the others. */
export function readMutants(markdown: string): readonly Mutant[] {
  const mutants = [...markdown.matchAll(section)].map(
    ([, title = "", file = "", before = "", after = "", testFile = "", test = ""]): Mutant => ({
      title,
      file,
      before,
      after,
      testFile,
      test,
    }),
  )
  const sections = [...markdown.matchAll(/^## /gm)].length
  if (sections !== mutants.length) {
    throw new Error(`${sections} sections, of which ${mutants.length} can be read`)
  }
  return mutants
}

/** The source with the breakage; the line must be there exactly once. */
export function broken(source: string, { file, before, after }: Mutant): string {
  const lines = source.split("\n")
  const places = lines.flatMap((line, index) => (line.trim() === before.trim() ? [index] : []))
  const [place] = places
  if (place === undefined || places.length > 1) {
    throw new Error(`${file} has ${places.length} lines ${JSON.stringify(before)}`)
  }
  const indent = /^\s*/.exec(lines[place] ?? "")?.[0] ?? ""
  return lines.with(place, indent + after.trim()).join("\n")
}
