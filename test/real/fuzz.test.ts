/**
 * Ten thousand requests that nobody means well with, against a node of its own: documents of the
 * schema's own words and of none, variables, headers, bodies and frames of any kind.
 */
import { randomBytes } from "node:crypto"
import { request } from "node:http"
import { connect } from "node:net"
import fc from "fast-check"
import type { GraphQLInputType, GraphQLObjectType, GraphQLOutputType } from "graphql"
import {
  buildSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
} from "graphql"
import { expect, it } from "vitest"
import { schemaSdl } from "../../protocols/graphql.ts"
import { newWorld } from "../acceptance/world.ts"
import { ask, raw } from "../gateway/support.ts"
import { start } from "../support/command.ts"
import { parsePrometheus } from "../support/prometheus.ts"

const requestsOfAll = 10_000
/** What memory may have grown by: caches that fill up to their bounds, and no more. */
const grownBytesMax = 96 * 1024 ** 2

const schema = buildSchema(schemaSdl)
const world = newWorld()

const strange = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom("group", "g1", "", "\u0000", "\ud800", "../../etc/passwd", "__proto__", "%00"),
  fc.constantFrom("Z3JvdXA6ZzE", "ig_aaaaaaaaaaaaaaaa_x", "*", "' OR 1=1 --", "a".repeat(2_000)),
)
const numbers = fc.oneof(fc.integer({ min: -5, max: 600 }), fc.double(), fc.maxSafeInteger())

/** A literal of a type, and now and then of no such type. */
function literalOf(type: GraphQLInputType, depth: number): fc.Arbitrary<string> {
  const any = fc.oneof(strange.map(quoted), numbers.map(String), fc.constantFrom("null", "true"))
  if (depth > 3) return any
  return fc.oneof(
    { weight: 9, arbitrary: rightLiteralOf(type, depth) },
    { weight: 1, arbitrary: any },
  )
}

function rightLiteralOf(type: GraphQLInputType, depth: number): fc.Arbitrary<string> {
  if (isNonNullType(type)) return rightLiteralOf(type.ofType, depth)
  if (isListType(type)) {
    const members = fc.array(literalOf(type.ofType, depth + 1), { maxLength: 3 })
    return members.map((all) => `[${all.join(", ")}]`)
  }
  if (isEnumType(type)) return fc.constantFrom(...type.getValues().map(({ name }) => name))
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields())
    return givenOf(fields, depth).map((given) => `{${given.join(", ")}}`)
  }
  if (type.name === "Int") return fc.integer({ min: 1, max: 6 }).map(String)
  if (type.name === "Boolean") return fc.constantFrom("true", "false")
  const words = fc.constantFrom("intrusion-set", "attack-pattern", "uses", "attack", "name", "sand")
  return fc.oneof(words, strange).map(quoted)
}

interface Input {
  readonly name: string
  readonly type: GraphQLInputType
}

/** Some of the inputs, and nearly always those that must be given, as `name: literal`. */
const givenOf = (inputs: readonly Input[], depth: number): fc.Arbitrary<readonly string[]> =>
  fc
    .tuple(
      ...inputs.map(({ name, type }) => {
        const given = literalOf(type, depth + 1).map((text) => `${name}: ${text}`)
        return fc.option(given, { freq: isNonNullType(type) ? 30 : 1 })
      }),
    )
    .map((all) => all.filter((text) => text !== null))

const quoted = (text: string) => JSON.stringify(text)

/** Some fields of a type with arguments, aliases and what is inside. */
function selectionOf(given: GraphQLOutputType, depth: number): fc.Arbitrary<string> {
  const type = getNamedType(given)
  if (!isObjectType(type)) return fc.constant("")
  const fields = Object.values(type.getFields())
  const some = fc.subarray(fields, {
    minLength: 1,
    maxLength: Math.min(fields.length, Math.max(1, 4 - depth)),
  })
  return some.chain((chosen) =>
    fc.tuple(...chosen.map((field) => fieldOf(field, depth))).map((all) => ` { ${all.join(" ")} }`),
  )
}

type Field = ReturnType<GraphQLObjectType["getFields"]>[string]

function fieldOf(field: Field, depth: number): fc.Arbitrary<string> {
  const inner = depth > 6 ? fc.constant(" { __typename }") : selectionOf(field.type, depth + 1)
  const args = fc
    .subarray([...field.args])
    .chain((some) =>
      fc
        .tuple(...some.map(({ type }) => literalOf(type, 0)))
        .map((values) => values.map((value, i) => `${some[i]?.name}: ${value}`).join(", ")),
    )
  const alias = fc.oneof(
    { weight: 9, arbitrary: fc.constant("") },
    { weight: 1, arbitrary: fc.constantFrom("a: ", "b: ", "__proto__: ") },
  )
  return fc.tuple(alias, args, inner).map(([name, text, selected]) => {
    const isLeaf = !isObjectType(getNamedType(field.type))
    return `${name}${field.name}${text === "" ? "" : `(${text})`}${isLeaf ? "" : selected}`
  })
}

const rootsOf = [
  ["query", schema.getQueryType()],
  ["mutation", schema.getMutationType()],
  ["subscription", schema.getSubscriptionType()],
] as const

const sensible = fc
  .constantFrom(...rootsOf)
  .chain(([word, root]) =>
    root ? selectionOf(root, 0).map((text) => `${word}${text}`) : fc.constant(word),
  )

/** Too deep, too wide, around in a circle, huge. */
const excessive = fc.oneof(
  fc.integer({ min: 1, max: 4_000 }).map((n) => `${"{a".repeat(n)}${"}".repeat(n)}`),
  fc.integer({ min: 1, max: 3_000 }).map((n) => `{ ${"stats { entities } ".repeat(n)} }`),
  fc.integer({ min: 1, max: 300 }).map((n) => `{ ${each(n, (i) => `a${i}: __typename`)} }`),
  fc.integer({ min: 1, max: 50 }).map((n) => {
    const ring = each(n, (i) => `fragment F${i} on Query { ...F${(i + 1) % n} }`)
    return `{ ...F0 } ${ring}`
  }),
  fc.integer({ min: 1, max: 200 }).map((n) => `query (${each(n, (i) => `$v${i}: Int`)}) { stats }`),
  fc.integer({ min: 1, max: 240_000 }).map((n) => `{ entity(id: "${"x".repeat(n)}") { key } }`),
)

const each = (count: number, text: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join(" ")

const documents = fc.oneof(
  { weight: 6, arbitrary: sensible },
  { weight: 1, arbitrary: excessive },
  { weight: 1, arbitrary: strange },
)

const headerValue = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'aZ09-/;,*=."q ():_'), maxLength: 60 }),
  fc.constantFrom("Bearer x", "application/json", "text/event-stream", "gzip", "chunked", 'W/"x"'),
)
const headers = fc.dictionary(
  fc.constantFrom(
    ...["accept", "authorization", "content-type", "content-encoding", "if-none-match", "range"],
    ...["idempotency-key", "intelgraph-tenant", "last-event-id", "origin", "expect", "x-other"],
  ),
  headerValue,
  { maxKeys: 3 },
)

const paths = fc.constantFrom("/graphql", "/graphql/stream", "/ingest?source=s", "/", "/metrics")

type Sent = readonly [
  path: string,
  headers: { readonly [name: string]: string },
  body: string | Uint8Array,
]

const variables = fc.oneof(
  { weight: 9, arbitrary: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }) },
  { weight: 1, arbitrary: fc.jsonValue() },
)
const extensions = fc.oneof(
  fc.constant({}),
  fc.constant(null),
  fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }),
  fc.jsonValue(),
  fc.record({ persistedQuery: fc.record({ version: fc.nat(2), sha256Hash: strange }) }),
)
const requests: fc.Arbitrary<Sent> = fc.tuple(
  fc.oneof({ weight: 8, arbitrary: fc.constant("/graphql") }, { weight: 2, arbitrary: paths }),
  fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: headers }),
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .record({ query: documents, variables, extensions }, { requiredKeys: ["query"] })
        .map((body) => JSON.stringify(body)),
    },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  ),
)

/** The status, and the text; of a stream of events that has begun only its beginning. */
const statusOf = (url: URL, [path, given, body]: Sent) =>
  new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
    const sent = { "content-type": "application/json", ...given }
    const asked = request(new URL(path, url), { method: "POST", headers: sent, agent: false })
    asked.on("error", reject)
    asked.on("response", (response) => {
      const status = response.statusCode ?? 0
      const parts: Buffer[] = []
      const done = () => resolve({ status, text: Buffer.concat(parts).toString("utf8") })
      if (response.headers["content-type"]?.startsWith("text/event-stream")) {
        response.destroy()
        return done()
      }
      response.on("data", (part) => parts.push(part))
      response.on("error", reject)
      response.on("end", done)
    })
    asked.end(body)
  })

/** Frames of the protocol's words and of none, masked as a client's are, or not. */
const operations = fc
  .tuple(fc.constantFrom("1", "2", "3"), documents)
  .map(([id, query]) => JSON.stringify({ type: "subscribe", id, payload: { query } }))
const messages = fc.oneof(
  operations,
  operations,
  fc
    .record({
      type: fc.constantFrom("subscribe", "subscribe", "complete", "ping", "pong", "next", ""),
      id: fc.oneof(fc.constantFrom("1", "2", ""), fc.constantFrom("1", "2"), fc.jsonValue()),
      payload: fc.oneof(
        documents.map((query) => ({ query })),
        fc.jsonValue(),
      ),
    })
    .map((message) => JSON.stringify(message)),
  fc.json(),
  fc.string({ unit: "binary", maxLength: 100 }),
)
const firstBytes = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0x81) },
  { weight: 1, arbitrary: fc.constantFrom(0x82, 0x01, 0x80, 0x88, 0x89, 0xf1, 0x83) },
)
const greeting = ['{"type":"connection_init"}', 0x81] as const
const conversations = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(messages, firstBytes), { minLength: 1, maxLength: 6 }))
  .map(([greets, said]) => (greets ? [greeting, ...said] : said))

function frameOf(text: string, first: number): Buffer {
  const payload = Buffer.from(text, "utf8")
  const length = payload.length
  const head = length < 126 ? Buffer.from([first, 0x80 | length]) : longHead(first, length)
  const mask = randomBytes(4)
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0))])
}

function longHead(first: number, length: number): Buffer {
  const head = Buffer.alloc(10)
  head.writeUInt8(first, 0)
  head.writeUInt8(0x80 | 127, 1)
  head.writeBigUInt64BE(BigInt(length), 2)
  return head
}

/** Says all, and reads what comes until the node has answered what was said last. */
const converse = (url: URL, frames: readonly Buffer[]): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(Number(url.port), url.hostname)
    const parts: Buffer[] = []
    const opened = [
      "GET /graphql HTTP/1.1",
      `Host: ${url.host}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Protocol: graphql-transport-ws",
      `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    ]
    socket.write(`${opened.join("\r\n")}\r\n\r\n`)
    for (const frame of frames) socket.write(frame)
    socket.write(frameOf("\u0003\u00e8", 0x88))
    socket.end()
    socket.on("data", (part) => parts.push(Buffer.from(part)))
    socket.on("error", () => undefined)
    socket.on("close", () => resolve(Buffer.concat(parts).toString("latin1")))
  })

/** Nothing of what is inside: no stack, no path, no statement, no word of a library. */
const inside = /node_modules|\.ts:\d|\.js:\d|\n\s+at |file:\/\/|TypeError|RangeError|SQLITE|SELECT /

it("answers or refuses whatever is sent, tells nothing of its inside, keeps nothing", async () => {
  const node = start({ folder: world }, "start", "--data-dir", "data", "--port", "0")
  const url = new URL(await node.says(/GraphQL: (\S+)/))
  const statuses = new Set<number>()
  const send = async (sent: Sent) => {
    const answer = await statusOf(url, sent)
    statuses.add(answer.status)
    expect(answer.text).not.toMatch(inside)
    expect(answer.status, JSON.stringify(sent).slice(0, 2_000)).toBeLessThan(500)
  }
  // A node that was just started grows until its heap has found its height: 360 MiB after 1,000
  // requests, 440 after 5,000, and from there on between 400 and 442.
  await fc.assert(fc.asyncProperty(requests, send), { numRuns: (requestsOfAll * 8) / 10 })
  const before = await residentOf(url)
  await fc.assert(fc.asyncProperty(requests, send), { numRuns: (requestsOfAll * 7) / 10 })
  await fc.assert(
    fc.asyncProperty(conversations, async (said) => {
      const answer = await converse(
        url,
        said.map(([text, first]) => frameOf(text, first)),
      )
      expect(answer).toMatch(/^(HTTP\/1\.1 (101|4\d\d) |$)/)
      expect(answer).not.toMatch(inside)
    }),
    { numRuns: requestsOfAll / 10 },
  )
  expect((await residentOf(url)) - before).toBeLessThan(grownBytesMax)
  expect([...statuses]).toEqual(expect.arrayContaining([200, 400, 401]))
  expect((await raw(url.href, "GET / HTTP/1.0\r\n\r\n")).startsWith("HTTP/1.1 4")).toBe(true)
  node.child.kill("SIGINT")
  const { code, err } = await node.ended
  expect([code, /\n\s+at /.test(err)]).toEqual([0, false])
}, 300_000)

async function residentOf(url: URL): Promise<number> {
  const { text } = await ask(new URL("/metrics", url).href)
  const { samples } = parsePrometheus(text)
  const resident = samples.find(
    ({ name, labels }) => name === "intelgraph_memory_bytes" && labels.part === "rss",
  )
  return resident?.value ?? Number.NaN
}
