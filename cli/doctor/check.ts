/** One thing that `doctor` looks at. */
export interface Check {
  readonly name: string
  readonly state: "ok" | "warn" | "fail"
  /** What was found, as a sentence. */
  readonly found: string
  /** What to do about it; only where it is not ok. */
  readonly next?: string
}

export const ok = (name: string, found: string): Check => ({ name, state: "ok", found })
export const warn = (name: string, found: string, next: string): Check => ({
  name,
  state: "warn",
  found,
  next,
})
export const fail = (name: string, found: string, next: string): Check => ({
  name,
  state: "fail",
  found,
  next,
})

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
