/** The server's side of `contestant.ts`. */

/** Contestants that wait for their turn keep their connections. */
export const idleMillisMax = 60_000

export interface Listening {
  readonly port: number
  /** Headers that its clients must send. */
  readonly client?: { readonly [name: string]: string }
}

/** Tells the parent where it listens, then answers what it asks; ends when that goes away. */
export function serveParent(
  listening: Listening,
  told: (said: unknown) => void = () => undefined,
): void {
  process.on("message", (question: { readonly ask?: string; readonly said?: unknown }) => {
    if (question.ask === "cpu") {
      const { user, system } = process.cpuUsage()
      process.send?.(user + system)
    } else {
      told(question.said)
      process.send?.("told")
    }
  })
  process.on("disconnect", () => process.exit())
  process.send?.(listening)
}
