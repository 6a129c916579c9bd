/** A write with its row of audit: taken for good, refused, or failed beneath. */
import { isIntelGraphError } from "../../protocols/errors.ts"
import type { Audit, Deed } from "../access/audit.ts"

export async function audited<A>(
  audit: Audit | undefined,
  deed: Omit<Deed, "outcome">,
  work: () => A | Promise<A>,
): Promise<A> {
  try {
    const done = await work()
    audit?.({ ...deed, outcome: "done" })
    return done
  } catch (error) {
    audit?.({ ...deed, outcome: isRefused(error) ? "refused" : "failed" })
    throw error
  }
}

const isRefused = (error: unknown): boolean =>
  isIntelGraphError(error) && (error.family === "Refused" || error._tag === "MailboxFull")
