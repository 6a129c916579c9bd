/** What this browser tab knows of the person: the token, and whether it was refused. */
import { Cell } from "./cell.ts"

const place = "intelgraph.token"

export interface Session {
  readonly token: string | undefined
  /** A sentence where the node asked for a token; the form shows it. */
  readonly refused: string | undefined
}

/** The tab's own storage may be switched off; then the token lives as long as the page. */
function kept(): string | undefined {
  try {
    return sessionStorage.getItem(place) ?? undefined
  } catch {
    return undefined
  }
}

function keep(token: string | undefined): void {
  try {
    if (token === undefined) sessionStorage.removeItem(place)
    else sessionStorage.setItem(place, token)
  } catch {
    // The page works without: a reload asks again.
  }
}

export const session = new Cell<Session>({ token: kept(), refused: undefined })

export function signIn(token: string): void {
  keep(token)
  session.set({ token, refused: undefined })
}

/** Forgets the token and shows the form. */
export function signOut(refused: string): void {
  keep(undefined)
  session.set({ token: undefined, refused })
}
