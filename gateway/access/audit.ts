/**
 * Who did what: the rows that are kept of it (contracts §10). Requests that nobody known made are
 * not among them, they are counted in metrics: whoever has no token cannot push a row out.
 */
import type { Access } from "./access.ts"

export interface AuditRow {
  readonly atMillis: number
  /** Id of a token, `open` without tokens, `local` for a command on the machine. */
  readonly by: string
  /** Whose data it touched; `*` for the node itself. */
  readonly tenant: string
  readonly action: AuditAction
  /** The token, source or field that it was done to. Never a secret or a value. */
  readonly what: string
  readonly outcome: AuditOutcome
}

export type AuditAction =
  | "token create"
  | "token revoke"
  | "ingest"
  | "retract"
  | "upload"
  | "ask"
  | "redrive"
  | "drop"
  | "node order"

/** `refused`: by scope, limit or rule. `failed`: it could not be finished. */
export type AuditOutcome = "done" | "refused" | "failed"

/** What a caller says; who and when are added. */
export interface Deed extends Pick<AuditRow, "action" | "what" | "outcome"> {
  readonly access: Pick<Access, "by" | "tenant">
}

export type Audit = (deed: Deed) => void

/** Where rows are looked for; newest first. */
export interface AuditQuery {
  readonly tenant?: string | undefined
  readonly first: number
}
