/** What is broken, at a glance; nothing where nothing is. */
import type { Actor, Progress, Stats } from "../answers.ts"
import { counted } from "../format.ts"
import { Icon } from "../parts/icons.tsx"
import { hashOf } from "../route.ts"
import { allActors, needsCare } from "./actor-rows.ts"

interface StripProps {
  readonly stats: Stats | undefined
  readonly root: Actor | undefined
  readonly sources: readonly Progress[]
}

export function TroubleStrip({ stats, root, sources }: StripProps) {
  const actors = root === undefined ? [] : allActors(root)
  const down = actors.filter(needsCare).length
  const refusals = actors.reduce((sum, { mailbox }) => sum + mailbox.refused, 0)
  const failed = sources.filter(({ phase }) => phase === "failed").length
  const letters = stats?.deadLetters ?? 0
  const refused = (stats?.sources ?? []).reduce((sum, source) => sum + source.refused, 0)
  const node = hashOf({ view: "node" })
  const lines = [
    { count: down, text: `${counted(down, "actor")} not running`, href: node, isBad: true },
    { count: failed, text: `${counted(failed, "source")} failed`, href: node, isBad: true },
    {
      count: letters,
      text: `${counted(letters, "dead letter")}`,
      href: hashOf({ view: "dead-letters", source: "", reason: "" }),
      isBad: true,
    },
    { count: refused, text: `${counted(refused, "record")} refused`, href: node, isBad: false },
    {
      count: refusals,
      text: `${counted(refusals, "message")} refused by full mailboxes`,
      href: node,
      isBad: false,
    },
  ].filter((line) => line.count > 0)
  if (lines.length === 0) return null
  return (
    <section
      class={lines.some(({ isBad }) => isBad) ? "strip" : "strip mild"}
      aria-label="What needs a look"
    >
      <Icon name="alert" />
      <ul>
        {lines.map(({ text, href, isBad }) => (
          <li key={text} class={isBad ? "bad" : "warn"}>
            <a href={href}>{text}</a>
          </li>
        ))}
      </ul>
    </section>
  )
}
