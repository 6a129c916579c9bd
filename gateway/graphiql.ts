/**
 * GraphiQL as the query page of development: its published files from `node_modules`, read once,
 * and a page around them. The browser is told to load nothing from anywhere else and may ask only
 * this node.
 */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { Page } from "./pages.ts"

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  // GraphiQL's editor sets styles from script.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ")

const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>IntelGraph queries</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/graphiql/graphiql.css">
<link rel="stylesheet" href="/graphiql/page.css">
</head>
<body>
<div id="graphiql">GraphiQL needs JavaScript; the same queries work by POST to /graphql.</div>
<script src="/graphiql/react.js"></script>
<script src="/graphiql/react-dom.js"></script>
<script src="/graphiql/graphiql.js"></script>
<script src="/graphiql/page.js"></script>
</body>
</html>
`

const script = `"use strict"
const query = \`# Ctrl-Enter runs the query. The tree on the left describes every field.
{
  stats {
    entities
    relationships
    byType { type count }
  }
  entities(type: "intrusion-set", first: 5) {
    items { id name sources { source version } }
  }
}
\`
const fetcher = GraphiQL.createFetcher({ url: "/graphql" })
const page = React.createElement(GraphiQL, { fetcher, defaultQuery: query })
ReactDOM.createRoot(document.getElementById("graphiql")).render(page)
`

const style = "html, body, #graphiql { height: 100%; margin: 0 }\n"

const files = [
  ["/graphiql/react.js", "react", "umd/react.production.min.js"],
  ["/graphiql/react-dom.js", "react-dom", "umd/react-dom.production.min.js"],
  ["/graphiql/graphiql.js", "graphiql", "graphiql.min.js"],
  ["/graphiql/graphiql.css", "graphiql", "graphiql.min.css"],
] as const

/** The page's files by path; none where the development dependencies are not installed. */
export function graphiqlPages(): ReadonlyMap<string, Page> {
  const pages = new Map<string, Page>([
    ["/graphiql", pageOf("text/html", html)],
    ["/graphiql/page.js", pageOf("text/javascript", script)],
    ["/graphiql/page.css", pageOf("text/css", style)],
  ])
  const require = createRequire(import.meta.url)
  try {
    for (const [path, name, file] of files) {
      const folder = dirname(require.resolve(`${name}/package.json`))
      const type = path.endsWith(".css") ? "text/css" : "text/javascript"
      pages.set(path, pageOf(type, readFileSync(join(folder, file))))
    }
  } catch {
    return new Map()
  }
  return pages
}

const pageOf = (type: string, body: string | Uint8Array): Page =>
  new Page(body, {
    "content-type": `${type}; charset=utf-8`,
    "content-security-policy": policy,
  })
