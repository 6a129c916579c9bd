/**
 * What happens on the node, as it happens, over one WebSocket.
 *
 * Promises: changes of entities arrive in order, none missed over a break (the subscription goes
 * on behind the last one that was seen; where the node no longer keeps that one, `restarts` rises
 * and everything shown is asked for anew). Where the node speaks no WebSocket, `link` says
 * `polling`, and parts of the page ask again instead. What is drawn changes at most every
 * `pageDrawMillis`, however many changes arrive.
 */
import type { Client } from "graphql-ws/client"
import { createClient } from "graphql-ws/client"
import {
  pageChangesKeptMax,
  pageDrawMillis,
  pageReconnectMillisMax,
} from "../../../protocols/limits.ts"
import type { ActorChange, ActorState, EntityChange, Progress } from "./answers.ts"
import { Cell } from "./cell.ts"
import { ask, type Problem, problemOf, refuseToken } from "./client.ts"
import {
  actorChangedDocument,
  entityChangedDocument,
  resumeDocument,
  sourceProgressDocument,
} from "./documents.ts"
import { session } from "./session.ts"

export type LinkState = "connecting" | "live" | "polling" | "offline"

/** A change with the time at which it reached this page. */
export interface SeenChange extends EntityChange {
  readonly seenMillis: number
}

export interface Changes {
  /** The newest first, at most `pageChangesKeptMax`. */
  readonly recent: readonly SeenChange[]
  readonly seen: number
}

export const link = new Cell<LinkState>("connecting")
export const changes = new Cell<Changes>({ recent: [], seen: 0 })
/** Rises when changes may have been missed: what is shown is to be asked for again. */
export const restarts = new Cell(0)
/** Actors that changed since the page was opened, by address; `undefined` for those gone. */
export const actorStates = new Cell<ReadonlyMap<string, ActorState | undefined>>(new Map())
/** Connectors by source; empty until the node tells of one. */
export const progressOf = new Cell<ReadonlyMap<string, Progress>>(new Map())
/** Rises with each report of a connector. */
export const reports = new Cell(0)
/** Subscriptions that the node refused, by name, such as for a narrow token. */
export const refusals = new Cell<ReadonlyMap<string, Problem>>(new Map())

let stop: () => void = () => undefined

/** Begins anew with the token of now. */
export function startLive(): void {
  stop()
  const { token } = session.value
  link.set("connecting")
  refusals.set(new Map())
  actorStates.set(new Map())
  progressOf.set(new Map())
  changes.set({ recent: [], seen: 0 })
  const client = connect(token)
  const ends = [watchEntities(client), watchActors(client), watchSources(client)]
  stop = () => {
    for (const end of ends) end()
    // A socket that never opened fails here once more; its end is what was wanted.
    Promise.resolve(client.dispose()).catch(() => undefined)
  }
}

export function stopLive(): void {
  stop()
  stop = () => undefined
}

function connect(token: string | undefined): Client {
  const scheme = location.protocol === "https:" ? "wss" : "ws"
  let failures = 0
  return createClient({
    url: `${scheme}://${location.host}/graphql`,
    connectionParams: () => (token === undefined ? {} : { token }),
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => session.value.token === token,
    retryWait: (attempt) => new Promise((resume) => setTimeout(resume, waitMillis(attempt))),
    keepAlive: 20_000,
    on: {
      connected: () => {
        failures = 0
        link.set("live")
      },
      closed: (event) => {
        const { code } = event as CloseEvent
        if (code === 4401 || code === 4403) refuseToken(token)
        else if (code !== 1000) {
          failures += 1
          void look(failures)
        }
      },
    },
  })
}

/** Doubles from 250 ms, with chance so that many pages do not come back at one moment. */
const waitMillis = (attempt: number): number =>
  Math.min(pageReconnectMillisMax, 250 * 2 ** attempt) * (0.5 + Math.random() / 2)

/** Tells a node that is gone from one that speaks no WebSocket. */
async function look(failures: number): Promise<void> {
  try {
    const response = await fetch("/healthz", { method: "HEAD" })
    if (link.value === "live" && failures < 2) link.set("connecting")
    else if (response.ok && failures >= 2) link.set("polling")
  } catch {
    link.set("offline")
  }
}

interface Watching<A> {
  readonly client: Client
  readonly name: string
  readonly query: string
  readonly variables: { readonly [name: string]: unknown }
  readonly onData: (data: A) => void
  /** Whether it goes on by itself. */
  readonly onProblem?: (code: string) => boolean
}

function watch<A>({ client, name, query, variables, onData, onProblem }: Watching<A>) {
  const refuse = (problem: Problem) => refusals.set(new Map(refusals.value).set(name, problem))
  return client.subscribe<A>(
    { query, variables: variables as Record<string, unknown> },
    {
      next: ({ data, errors }) => {
        const error = errors?.[0]
        if (data != null) onData(data)
        else if (error !== undefined) refuse(problemOf(error))
      },
      error: (error) => {
        const first = Array.isArray(error) ? error[0] : undefined
        if (first === undefined || onProblem?.(String(first.extensions?.code)) === true) return
        refuse(problemOf(first))
      },
      complete: () => undefined,
    },
  )
}

function watchEntities(client: Client): () => void {
  let after: string | null = null
  let ended = false
  let end: () => void = () => undefined
  const take = collector<EntityChange>((taken) => {
    const { recent, seen } = changes.value
    const seenMillis = Date.now()
    const newest = taken.slice(-pageChangesKeptMax).reverse()
    changes.set({
      recent: [...newest.map((change) => ({ ...change, seenMillis })), ...recent].slice(
        0,
        pageChangesKeptMax,
      ),
      seen: seen + taken.length,
    })
  })
  const begin = async () => {
    after = await resumeNow()
    if (ended) return
    end = watch<{ entityChanged: EntityChange }>({
      client,
      name: "entityChanged",
      query: entityChangedDocument,
      // Read at every (re)connection: the subscription goes on where this page is.
      variables: {
        get after() {
          return after
        },
      },
      onData: ({ entityChanged }) => {
        after = entityChanged.resume
        take(entityChanged)
      },
      onProblem: (code) => {
        if (code !== "RESUME_EXPIRED") return false
        restarts.set(restarts.value + 1)
        void begin()
        return true
      },
    })
  }
  void begin()
  return () => {
    ended = true
    end()
  }
}

/** Null where the node keeps no changes, or may not be asked: then from now on. */
async function resumeNow(): Promise<string | null> {
  try {
    const answer = await ask<{ entities: { resume: string } }>(resumeDocument, {})
    return answer.entities.resume
  } catch {
    return null
  }
}

function watchActors(client: Client): () => void {
  const take = collector<ActorChange>((taken) => {
    const states = new Map(actorStates.value)
    for (const { address, actor } of taken) states.set(address, actor ?? undefined)
    actorStates.set(states)
  })
  return watch<{ actorChanged: ActorChange }>({
    client,
    name: "actorChanged",
    query: actorChangedDocument,
    variables: {},
    onData: ({ actorChanged }) => take(actorChanged),
  })
}

function watchSources(client: Client): () => void {
  const take = collector<Progress>((taken) => {
    const states = new Map(progressOf.value)
    for (const progress of taken) states.set(progress.source, progress)
    progressOf.set(states)
    reports.set(reports.value + taken.length)
  })
  return watch<{ sourceProgress: Progress }>({
    client,
    name: "sourceProgress",
    query: sourceProgressDocument,
    variables: {},
    onData: ({ sourceProgress }) => take(sourceProgress),
  })
}

/** Hands over what arrived, together, at most every `pageDrawMillis`. */
function collector<A>(hand: (taken: readonly A[]) => void): (item: A) => void {
  let taken: A[] = []
  return (item) => {
    taken.push(item)
    if (taken.length > 1) return
    setTimeout(() => {
      const all = taken
      taken = []
      hand(all)
    }, pageDrawMillis)
  }
}
