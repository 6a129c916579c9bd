/** Small parts that every view is made of. */
import type { ComponentChildren } from "preact"
import { useEffect, useState } from "preact/hooks"
import type { EntityRef } from "../answers.ts"
import type { Problem } from "../client.ts"
import { slotOf, slots } from "../colours.ts"
import { ago, compact, count, nameOf } from "../format.ts"
import { entityHash } from "../route.ts"
import { useCell, useNow } from "../use.ts"
import { Icon } from "./icons.tsx"

export function TypeTag({ type }: { readonly type: string }) {
  useCell(slots)
  return (
    <span class={`type c${slotOf(type)}`}>
      <span class="dot" aria-hidden="true" />
      {type}
    </span>
  )
}

export const StubTag = () => (
  <span class="tag" title="Others point to it and no source describes it.">
    stub
  </span>
)

/** A link to an entity by its name. */
export const EntityLink = ({ entity }: { readonly entity: EntityRef }) => (
  <a class="entity-link" href={entityHash(entity.id)}>
    {nameOf(entity)}
  </a>
)

/** A number in few characters, with the exact one at hand. */
export const Count = ({ value }: { readonly value: number }) =>
  value < 1_000_000 ? (
    <span>{count(value)}</span>
  ) : (
    <span title={count(value)}>{compact(value)}</span>
  )

const copiedMillis = 1_500

export function Copy({ text, what }: { readonly text: string; readonly what: string }) {
  const [isCopied, setCopied] = useState(false)
  useEffect(() => {
    if (!isCopied) return undefined
    const timer = setTimeout(() => setCopied(false), copiedMillis)
    return () => clearTimeout(timer)
  }, [isCopied])
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => undefined,
    )
  return (
    <button type="button" class="quiet copy" onClick={copy} title={`Copy ${what}`}>
      <Icon name={isCopied ? "done" : "copy"} />
      <span class="unseen" role="status">
        {isCopied ? "Copied" : ""}
      </span>
      <span class="unseen">Copy {what}</span>
    </button>
  )
}

/** How long ago, with the time itself at hand. */
export function Ago({ millis }: { readonly millis: number }) {
  const now = useNow()
  const exact = new Date(millis)
  return (
    <time dateTime={exact.toISOString()} title={exact.toLocaleString()}>
      {ago(millis, Math.max(now, millis))}
    </time>
  )
}

/** A time that the node wrote, RFC 3339. */
export function Instant({ text }: { readonly text: string }) {
  const now = useNow()
  const millis = Date.parse(text)
  if (Number.isNaN(millis)) return <span>{text}</span>
  return (
    <time dateTime={text} title={text}>
      {ago(millis, now)}
    </time>
  )
}

interface NoticeProps {
  readonly tone?: "plain" | "warn" | "bad"
  readonly children: ComponentChildren
}

export const Notice = ({ tone = "plain", children }: NoticeProps) => (
  <div class={`notice ${tone}`}>
    {tone === "plain" ? null : <Icon name="alert" />}
    <div>{children}</div>
  </div>
)

/** What went wrong, what to do, and where it makes sense a way to try again. */
export function Trouble({
  problem,
  retry,
}: {
  readonly problem: Problem
  readonly retry?: (() => void) | undefined
}) {
  if (problem.kind === "forbidden") {
    return (
      <Notice>
        <Icon name="lock" /> Your token may not see this: {problem.message}
      </Notice>
    )
  }
  return (
    <div role="alert">
      <Notice tone="bad">
        {problem.message} {problem.next}{" "}
        {retry === undefined ? null : (
          <button type="button" class="link" onClick={retry}>
            Try again
          </button>
        )}
      </Notice>
    </div>
  )
}

/** Grey lines in the place of what is on its way, as high as that will be. */
export const Waiting = ({ rows = 3 }: { readonly rows?: number }) => (
  <div class="waiting" aria-hidden="true">
    {Array.from({ length: rows }, () => (
      // biome-ignore lint/correctness/useJsxKeyInIterable: all are alike and none moves.
      <div class="waiting-row" />
    ))}
  </div>
)

interface PanelProps {
  readonly title: string
  readonly aside?: ComponentChildren
  readonly children: ComponentChildren
  readonly class?: string
}

export const Panel = ({ title, aside, children, class: more = "" }: PanelProps) => (
  <section class={`panel ${more}`} aria-label={title}>
    <header class="panel-head">
      <h2>{title}</h2>
      {aside}
    </header>
    {children}
  </section>
)

/** Told above a list that is not pulled away under the reader's eyes. */
export const Newer = ({ onReload }: { readonly onReload: () => void }) => (
  <p class="newer" role="status">
    There is something newer.{" "}
    <button type="button" class="link" onClick={onReload}>
      Begin again from the top
    </button>
  </p>
)

/** A button that asks for the next page. */
export const More = ({
  isLoading,
  onMore,
  what,
}: {
  readonly isLoading: boolean
  readonly onMore: () => void
  readonly what: string
}) => (
  <div class="more">
    <button type="button" disabled={isLoading} onClick={onMore}>
      {isLoading ? "Loading…" : `Show more ${what}`}
    </button>
  </div>
)
