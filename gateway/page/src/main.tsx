/** Begins the page. */
import { render } from "preact"
import { App } from "./app.tsx"
import "./theme.ts"

const host = document.getElementById("page")
if (host !== null) {
  host.replaceChildren()
  render(<App />, host)
}
