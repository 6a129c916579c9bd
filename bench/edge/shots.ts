/** What the contestants are asked: many documents and many arguments, as in real use. */
import { entitiesMax, keyOf, type } from "./graph.ts"
import type { Shot } from "./load.ts"

/** Headers that every request of a client carries: its token. */
export type Client = { readonly [name: string]: string }

const documents = 20
const shotsEach = 400

/** Entities of a page, and its six fields. */
export const pageSize = 50
const fields = "id type key name stub properties"

/** One field, and nothing is read for it. */
export const oneField = (client: Client): readonly Shot[] =>
  shots((n) => post(client, `query One${n % documents} { __typename }`, {}))

/** One field of one entity, read by its key. */
export const oneFieldRead = (client: Client): readonly Shot[] =>
  shots((n) => {
    const document =
      `query One${n % documents}($key: String!) ` +
      `{ entity(type: "${type}", key: $key) { name } }`
    return post(client, document, { key: keyOf((n * 7) % entitiesMax) })
  })

const pageDocument = (n: number) =>
  `query Page${n % documents}($after: String) {
    entities(type: "${type}", first: ${pageSize}, after: $after) { items { ${fields} } }
  }`

/** The end of the page before decides what is read: no two of the shots read the same page. */
const pageVariables = (n: number) => ({ after: cursorOf(keyOf(n * 4)) })

const cursorOf = (key: string) => Buffer.from(JSON.stringify([type, key])).toString("base64url")

export const pages = (client: Client): readonly Shot[] =>
  shots((n) => post(client, pageDocument(n), pageVariables(n)))

/** Pages by GET, few enough to be asked for again and again. */
export const pagesByGet = (client: Client): readonly Shot[] =>
  Array.from({ length: documents }, (_, n) => get(client, pageDocument(n), pageVariables(n)))

/** The same by clients that hold the answers: each with the tag that came with it. */
export const pagesHeld = (client: Client, tags: readonly string[]): readonly Shot[] =>
  tags.map((tag, n) => ({
    ...get({ ...client, "if-none-match": tag }, pageDocument(n), pageVariables(n)),
    status: 304,
  }))

function shots(make: (n: number) => Shot): readonly Shot[] {
  return Array.from({ length: shotsEach }, (_, n) => make(n))
}

type Variables = { readonly [name: string]: unknown }

function post(client: Client, query: string, variables: Variables): Shot {
  const body = JSON.stringify({ query, variables })
  const length = String(Buffer.byteLength(body))
  const headers = { ...client, "content-type": "application/json", "content-length": length }
  return { bytes: Buffer.from(`${head("POST", "/graphql", headers)}${body}`), status: 200 }
}

function get(client: Client, query: string, variables: Variables): Shot {
  const search = new URLSearchParams({ query, variables: JSON.stringify(variables) })
  return { bytes: Buffer.from(head("GET", `/graphql?${search}`, client)), status: 200 }
}

const head = (method: string, path: string, headers: Client): string =>
  [
    `${method} ${path} HTTP/1.1`,
    "host: localhost",
    "accept: application/json",
    "user-agent: bench",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "\r\n",
  ].join("\r\n")
