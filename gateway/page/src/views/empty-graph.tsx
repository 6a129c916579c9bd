/** Nothing is in the graph yet: what to do next. */
import { Copy } from "../parts/parts.tsx"

const command = "npx --no intelgraph ingest --source people --mapping people.yaml people.csv"
const infer = "npx --no intelgraph mapping infer people.csv > people.yaml"

export const EmptyGraph = () => (
  <section class="panel empty" aria-labelledby="empty-title">
    <svg class="empty-sign" viewBox="0 0 160 80" aria-hidden="true">
      <path d="M30 40L80 18M30 40l50 22M80 18l50 22M80 62l50-22" />
      <circle cx="30" cy="40" r="8" />
      <circle cx="80" cy="18" r="6" />
      <circle cx="80" cy="62" r="6" />
      <circle cx="130" cy="40" r="8" />
    </svg>
    <h2 id="empty-title">The graph is empty</h2>
    <p>
      Give it a file: CSV, JSON, NDJSON or STIX, also as gzip. STIX needs no mapping; for anything
      else one can be proposed.
    </p>
    <CommandLine text={infer} />
    <CommandLine text={command} />
    <p class="quiet-text">
      This page fills by itself as records are committed. <code>npm start</code> without a
      configuration reads the public data that comes with IntelGraph.
    </p>
  </section>
)

export const CommandLine = ({ text }: { readonly text: string }) => (
  <div class="command">
    <code>{text}</code>
    <Copy text={text} what="the command" />
  </div>
)
