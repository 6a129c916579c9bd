import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { executeQuery } from "../../gateway/index.ts"
import { entityId, entityOfId } from "../../protocols/graph.ts"
import { isErrorCode } from "../support/errors.ts"
import { run } from "../support/run.ts"
import { graphOf } from "./graph.ts"
import { ask, post, raw, started } from "./support.ts"

const runs = { numRuns: 150 }
const graph = graphOf([])

/** Words of the schema and of the language in any order: most are nonsense, some are queries. */
const words = [
  ...'{ } ( ) [ ] ! : $ ... @ | = & # " """ , 0 -1 1.5e9 999999999999 null true'.split(" "),
  ..."query mutation subscription fragment on entity entities neighbors path rank".split(" "),
  ..."stats deadLetters actors items key type first after hops id filter text in".split(" "),
  ..."__schema __type __typename __proto__ constructor toString a F ...F @skip(if:".split(" "),
  ...['"x"', '"\\u0000"', '"\ud800"', "$n", "first: $n", 'type: "a"', 'key: "b"', "\ufeff"],
]
const documents = fc.array(fc.constantFrom(...words), { maxLength: 60 }).map((w) => w.join(" "))
const text = fc.string({ unit: "binary", maxLength: 100 })

/** Says no, or answers, but never fails and never tells what is inside. */
function expectSound(status: number, body: string): void {
  expect(status).toBeGreaterThanOrEqual(200)
  expect(status).toBeLessThan(500)
  expect(body).not.toMatch(/node_modules|\.ts:\d|\.js:\d|\n\s+at |\/work\/|TypeError|RangeError/)
}

describe("whatever is sent,", () => {
  it("a document gets an answer or a typed refusal", async () => {
    const variables = fc.dictionary(fc.string(), fc.jsonValue())
    await fc.assert(
      fc.asyncProperty(fc.oneof(documents, text), variables, async (document, given) => {
        const request = { tenant: "demo", document, variables: given }
        const { data, errors } = await run(executeQuery(graph, request))
        expect(data !== undefined || errors !== undefined).toBe(true)
        for (const { extensions } of errors ?? []) {
          expect(isErrorCode(extensions?.code)).toBe(true)
          expect(extensions?.code).not.toBe("INVARIANT_BROKEN")
        }
      }),
      { numRuns: 1000 },
    )
  })

  it("a body of any bytes or JSON gets an answer or a refusal", async () => {
    const { url } = await started(graph)
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json(),
      fc.record({ query: documents, variables: fc.jsonValue() }).map((v) => JSON.stringify(v)),
      fc
        .record({ query: fc.jsonValue(), operationName: fc.jsonValue() })
        .map((v) => JSON.stringify(v)),
    )
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const headers = { "content-type": "application/json" }
        const answer = await ask(url, { method: "POST", headers, body })
        expectSound(answer.status, answer.text)
        expect(() => answer.json()).not.toThrow()
      }),
      runs,
    )
  })

  it("an address and headers of any text get an answer or a refusal", async () => {
    const { url } = await started(graph)
    const token = fc.string({ unit: fc.constantFrom(...'aZ09-/;,*=."q '), maxLength: 30 })
    const names = fc.constantFrom("accept", "content-type", "content-encoding", "x-other", "range")
    await fc.assert(
      fc.asyncProperty(text, fc.dictionary(names, token), async (search, headers) => {
        const value = encodeURIComponent(search)
        const at = `${url}?query=${value}&variables=${value}`
        const got = await ask(at, { headers })
        expectSound(got.status, got.text)
        const posted = await post(url, { query: search }, headers)
        expectSound(posted.status, posted.text)
      }),
      runs,
    )
  })

  it("bytes that are no HTTP get a refusal or a closed socket, and the node goes on", async () => {
    const { url } = await started(graph)
    const { host } = new URL(url)
    const lines = fc.string({ unit: fc.constantFrom(..."GET /:\r\n\0 HTP1.x%&?"), maxLength: 80 })
    await fc.assert(
      fc.asyncProperty(lines, async (bytes) => {
        const answer = await raw(url, `${bytes}\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
        if (answer !== "") expectSound(Number(answer.split(" ")[1]), answer)
      }),
      { numRuns: 60 },
    )
    expect((await ask(new URL("/healthz", url).href)).status).toBe(200)
  })

  it("an id is of an entity or refused", async () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z-]{1,10}$/),
        fc.string({ unit: "grapheme" }),
        (type, key) => {
          expect(entityOfId(entityId(type, key))).toEqual({ type, key })
        },
      ),
    )
    await fc.assert(
      fc.asyncProperty(text, async (id) => {
        const document = "query ($id: ID!) { entity(id: $id) { key } }"
        const request = { tenant: "demo", document, variables: { id } }
        const { data, errors } = await run(executeQuery(graph, request))
        const isId = entityOfId(id) !== undefined
        expect(data).toEqual({ entity: null })
        expect(errors?.[0]?.extensions?.code).toBe(isId ? undefined : "INVALID")
      }),
      runs,
    )
  })
})
