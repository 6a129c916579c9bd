/** Asks the node over HTTP, and says in one way what went wrong. */
import { session, signOut } from "./session.ts"

export type ProblemKind = "unauthenticated" | "forbidden" | "unreachable" | "refused"

/** Why there is no answer, in sentences that may be shown. */
export class Problem extends Error {
  readonly kind: ProblemKind
  /** What to do, where the node said it. */
  readonly next: string

  constructor(kind: ProblemKind, message: string, next = "") {
    super(message)
    this.kind = kind
    this.next = next
  }
}

export type Variables = { readonly [name: string]: unknown }

interface ErrorShape {
  readonly message: string
  readonly extensions?: { readonly code?: string; readonly next?: string }
}

interface AnswerShape<A> {
  readonly data?: A | null
  readonly errors?: readonly ErrorShape[]
}

/** Fails with a `Problem`, or with the signal's reason where it was given up. */
export async function ask<A>(
  document: string,
  variables: Variables,
  signal?: AbortSignal,
): Promise<A> {
  const { token } = session.value
  const response = await sent(document, variables, token, signal)
  const answer = await answerOf<A>(response)
  const error = answer.errors?.[0]
  if (response.status === 401) {
    refuseToken(token)
    throw new Problem("unauthenticated", error?.message ?? "The node asks for a token.")
  }
  if (error !== undefined) throw problemOf(error)
  if (answer.data == null) throw new Problem("refused", `The node answered ${response.status}.`)
  return answer.data
}

async function sent(
  query: string,
  variables: Variables,
  token: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const headers: Record<string, string> = {
    accept: "application/graphql-response+json",
    "content-type": "application/json",
  }
  if (token !== undefined) headers.authorization = `Bearer ${token}`
  const body = JSON.stringify({ query, variables })
  try {
    return await fetch("/graphql", { method: "POST", headers, body, signal: signal ?? null })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Problem("unreachable", "The node does not answer.", "Is it still running?")
  }
}

async function answerOf<A>(response: Response): Promise<AnswerShape<A>> {
  try {
    return (await response.json()) as AnswerShape<A>
  } catch {
    return {}
  }
}

export function problemOf(error: ErrorShape): Problem {
  const { code, next } = error.extensions ?? {}
  const kind = code === "FORBIDDEN" ? "forbidden" : "refused"
  return new Problem(kind, error.message, next)
}

/** A token that is not the one of now was refused for a question of before. */
export function refuseToken(token: string | undefined): void {
  if (token !== session.value.token) return
  signOut(
    token === undefined
      ? "This node answers those who bring a token."
      : "The node does not take this token: it is mistyped, expired or revoked.",
  )
}
