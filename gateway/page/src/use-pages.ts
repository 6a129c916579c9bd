/** A list that is asked for page by page. */
import { useEffect, useRef, useState } from "preact/hooks"
import type { Page } from "./answers.ts"
import type { Problem, Variables } from "./client.ts"
import { ask } from "./client.ts"
import { asProblem } from "./use.ts"

export interface Pages<A> {
  readonly items: readonly A[]
  readonly hasMore: boolean
  readonly isLoading: boolean
  readonly problem: Problem | undefined
  /** There is something newer, and several pages are shown: the reader asks for it. */
  readonly isOld: boolean
  readonly more: () => void
  readonly reload: () => void
}

interface State<A> {
  readonly question: string
  readonly items: readonly A[]
  readonly end: string | null
  readonly hasMore: boolean
  readonly isLoading: boolean
  readonly problem: Problem | undefined
}

const empty = { items: [], end: null, hasMore: false, problem: undefined }

/**
 * The first page at once, further ones by `more`. A new `version` asks for the first page again
 * and shows the old items until then; where there are several pages the reader is told instead.
 */
export function usePages<Answer, A>(
  document: string,
  variables: Variables,
  pageOf: (answer: Answer) => Page<A> | undefined,
  version?: unknown,
): Pages<A> {
  const question = JSON.stringify([document, variables])
  const [state, setState] = useState<State<A>>({ ...empty, question, isLoading: true })
  const [round, setRound] = useState(0)
  const under = useRef<AbortController>(undefined)
  const [isOld, setOld] = useState(false)
  const pagesShown = useRef(0)
  const load = (after: string | null) => {
    if (after === null) {
      pagesShown.current = 0
      setOld(false)
    }
    pagesShown.current += 1
    under.current?.abort()
    const giveUp = new AbortController()
    under.current = giveUp
    setState((last) =>
      last.question === question
        ? { ...last, isLoading: true }
        : { ...empty, question, isLoading: true },
    )
    ask<Answer>(document, { ...variables, after }, giveUp.signal).then(
      (answer) => {
        const page = pageOf(answer) ?? empty
        setState((last) => ({
          question,
          items: after === null ? page.items : [...last.items, ...page.items],
          end: page.end,
          hasMore: page.hasMore,
          isLoading: false,
          problem: undefined,
        }))
      },
      (error: unknown) => {
        if (giveUp.signal.aborted) return
        setState((last) => ({ ...last, isLoading: false, problem: asProblem(error) }))
      },
    )
  }
  useEffect(() => {
    load(null)
    return () => under.current?.abort()
  }, [question, round])
  const known = useRef(version)
  useEffect(() => {
    if (known.current === version) return
    known.current = version
    if (pagesShown.current > 1) setOld(true)
    else load(null)
  }, [version])
  const isCurrent = state.question === question
  return {
    items: isCurrent ? state.items : [],
    hasMore: isCurrent && state.hasMore,
    isLoading: !isCurrent || state.isLoading,
    problem: isCurrent ? state.problem : undefined,
    isOld,
    more: () => load(state.end),
    reload: () => setRound((last) => last + 1),
  }
}
