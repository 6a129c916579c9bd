/** How parts of the page take part in what changes: cells, answers, the address, the time. */
import { useEffect, useRef, useState } from "preact/hooks"
import { Cell } from "./cell.ts"
import type { Variables } from "./client.ts"
import { ask, Problem } from "./client.ts"
import type { Route } from "./route.ts"
import { routeOf } from "./route.ts"

export function useCell<A>(cell: Cell<A>): A {
  const [, redraw] = useState({})
  const shown = useRef(cell.value)
  shown.current = cell.value
  useEffect(() => {
    // What was set between drawing and watching is not missed.
    if (!Object.is(shown.current, cell.value)) redraw({})
    return cell.watch(() => redraw({}))
  }, [cell])
  return cell.value
}

export interface Answered<A> {
  /** The newest answer; stays while the next one is on its way. */
  readonly data: A | undefined
  readonly problem: Problem | undefined
  readonly isLoading: boolean
  readonly reload: () => void
}

interface AskOptions {
  /** Asks again so often; not at all without. */
  readonly everyMillis?: number | undefined
  /** Asks again where it changes, and shows the old answer until then. */
  readonly version?: unknown
  /** Asks nothing where true. */
  readonly isOff?: boolean
}

/** Asks when shown, and again when the question changes; what nobody waits for is given up. */
export function useAnswer<A>(
  document: string,
  variables: Variables,
  { everyMillis, version, isOff = false }: AskOptions = {},
): Answered<A> {
  const question = isOff ? "" : JSON.stringify([document, variables])
  const [round, setRound] = useState(0)
  const [state, setState] = useState<{
    readonly question: string
    readonly data: A | undefined
    readonly problem: Problem | undefined
    readonly isLoading: boolean
  }>({ question, data: undefined, problem: undefined, isLoading: !isOff })
  useEffect(() => {
    if (question === "") return undefined
    const giveUp = new AbortController()
    setState((last) =>
      last.question === question
        ? { ...last, isLoading: true }
        : { question, data: undefined, problem: undefined, isLoading: true },
    )
    const settle = (data: A | undefined, problem: Problem | undefined) =>
      setState((last) => ({ question, data: data ?? last.data, problem, isLoading: false }))
    ask<A>(document, variables, giveUp.signal).then(
      (data) => settle(data, undefined),
      (error: unknown) => {
        if (!giveUp.signal.aborted) settle(undefined, asProblem(error))
      },
    )
    return () => giveUp.abort()
  }, [question, round, version])
  useEffect(() => {
    if (everyMillis === undefined || question === "") return undefined
    const timer = setInterval(() => {
      if (!window.document.hidden) setRound((last) => last + 1)
    }, everyMillis)
    return () => clearInterval(timer)
  }, [everyMillis, question])
  const reload = () => setRound((last) => last + 1)
  const current = state.question === question
  return {
    data: current ? state.data : undefined,
    problem: current ? state.problem : undefined,
    isLoading: !current || state.isLoading,
    reload,
  }
}

export const asProblem = (error: unknown): Problem =>
  error instanceof Problem ? error : new Problem("refused", String(error))

const route = new Cell<Route>(routeOf(window.location.hash))
window.addEventListener("hashchange", () => route.set(routeOf(window.location.hash)))

export const useRoute = (): Route => useCell(route)

/** The value as it was when it last stayed the same for so long. */
export function useSettled<A>(value: A, millis: number): A {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), millis)
    return () => clearTimeout(timer)
  }, [value, millis])
  return settled
}

const clock = new Cell(Date.now())
setInterval(() => {
  if (!document.hidden) clock.set(Date.now())
}, 10_000)

/** Now, in milliseconds; often enough for what says how long ago something was. */
export const useNow = (): number => useCell(clock)

/** Whether a media query holds. */
export function useMedia(query: string): boolean {
  const [holds, setHolds] = useState(() => window.matchMedia(query).matches)
  useEffect(() => {
    const media = window.matchMedia(query)
    const follow = () => setHolds(media.matches)
    follow()
    media.addEventListener("change", follow)
    return () => media.removeEventListener("change", follow)
  }, [query])
  return holds
}

/** Says in the tab's title where the person is. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === "" ? "IntelGraph" : `${title} · IntelGraph`
  }, [title])
}
