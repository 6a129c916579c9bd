/** Asks for a token where the node wants one. It stays in this tab and never in an address. */
import { useLayoutEffect, useRef, useState } from "preact/hooks"
import { Icon } from "../parts/icons.tsx"
import { signIn } from "../session.ts"
import { useTitle } from "../use.ts"
import { CommandLine } from "./empty-graph.tsx"

export function TokenForm({ reason }: { readonly reason: string }) {
  useTitle("Token")
  const [text, setText] = useState("")
  const field = useRef<HTMLInputElement>(null)
  useLayoutEffect(() => field.current?.focus(), [])
  return (
    <main class="gate" id="main">
      <form
        class="panel gate-form"
        onSubmit={(event) => {
          event.preventDefault()
          if (text.trim() !== "") signIn(text.trim())
        }}
      >
        <h1>
          <Icon name="lock" /> A token, please
        </h1>
        <p role="alert">{reason}</p>
        <label for="token">Token</label>
        <input
          id="token"
          ref={field}
          type="password"
          autocomplete="off"
          spellcheck={false}
          placeholder="ig_…"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={text.trim() === ""}>
          Continue
        </button>
        <p class="quiet-text">
          It is kept in this tab until you close it or leave. Whoever has the node's machine makes
          one with
        </p>
        <CommandLine text="npx --no intelgraph token create --scope read,operate" />
      </form>
    </main>
  )
}
