/** Whether the node is there, and the choice of light and dark. */
import { link } from "../live.ts"
import { setTheme, theme, themes } from "../theme.ts"
import { useCell } from "../use.ts"
import { Icon } from "./icons.tsx"

const said = {
  connecting: ["Connecting", "busy", "The node is asked for its changes."],
  live: ["Live", "good", "Changes are shown as they are committed."],
  polling: ["Polling", "warn", "The node tells of no changes; it is asked every two seconds."],
  offline: ["Offline", "bad", "The node does not answer; the page tries again."],
} as const

export function LinkSign() {
  const [label, tone, title] = said[useCell(link)]
  return (
    <span class={`link-sign ${tone}`} title={title} role="status">
      <span class="dot" aria-hidden="true" />
      {label}
    </span>
  )
}

const next = { auto: "light", light: "dark", dark: "auto" } as const
const names = { auto: "as the system", light: "light", dark: "dark" } as const

export function ThemeSwitch() {
  const now = useCell(theme)
  const label = `Colours: ${names[now]}. Change to ${names[next[now]]}`
  return (
    <button
      type="button"
      class="quiet theme-switch"
      title={label}
      onClick={() => setTheme(next[now])}
    >
      {themes.map((one) => (one === now ? <Icon key={one} name={one} /> : null))}
      <span class="unseen">{label}</span>
    </button>
  )
}
