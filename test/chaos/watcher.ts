/** What the observer has told, kept for the run and its report. */
import type { ChildProcess } from "node:child_process"
import { startScript } from "./child-answer.ts"
import { Leases } from "./leases.ts"
import { blocksIn, type Mailbox } from "./mailboxes.ts"
import type { Observed, Seen } from "./observer.ts"

const wrongKeptMax = 100
/** A sample older than this says nothing of now. */
const freshMillis = 2_000

export class Watcher {
  readonly leases = new Leases()
  readonly wrong: string[] = []
  wrongs = 0
  accepted = 0
  acceptedAtMillis = 0
  looked = { cursors: 0, state: 0 }
  #held: { readonly atMillis: number; readonly mailboxes: readonly Mailbox[] } | undefined
  readonly #child: ChildProcess

  constructor(observed: Observed) {
    this.#child = startScript("observer.ts", [JSON.stringify(observed)], (line) =>
      this.#heard(line as Seen),
    )
  }

  /** Blocks of these shards, or of all, that are not acknowledged; none known where it is old. */
  held(shards?: readonly number[]): number {
    if (this.#held === undefined || Date.now() - this.#held.atMillis > freshMillis) return 0
    const { mailboxes } = this.#held
    return blocksIn(
      shards === undefined ? mailboxes : mailboxes.filter(({ shard }) => shards.includes(shard)),
    )
  }

  /** Whether it was seen of late that there is no block that is not acknowledged. */
  get isEmpty(): boolean {
    return (
      this.#held !== undefined &&
      Date.now() - this.#held.atMillis <= freshMillis &&
      this.#held.mailboxes.length === 0
    )
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("close", resolve))
    this.#child.kill("SIGTERM")
    await ended
  }

  #heard(seen: Seen): void {
    if (seen.kind === "lease") this.leases.heard(seen)
    else if (seen.kind === "vacant") this.leases.vacated(seen)
    else if (seen.kind === "held") this.#held = seen
    else if (seen.kind === "looked") this.looked = seen
    else if (seen.kind === "graph") {
      if (seen.accepted > this.accepted) this.acceptedAtMillis = seen.atMillis
      this.accepted = seen.accepted
    } else if (seen.kind === "wrong") {
      this.wrongs += 1
      if (this.wrong.length < wrongKeptMax) this.wrong.push(seen.what)
    }
  }
}
