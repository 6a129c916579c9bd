/** Messages that come in pieces, read by the client's own parser. */
import { Parser, type ParserEvent } from "@nats-io/nats-core/internal"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { natsWholeBytesMax } from "../../protocols/limits.ts"
import { receiveWhole } from "../../runtime/adapters/jetstream/whole-messages.ts"

receiveWhole()

interface Read {
  readonly subject: string
  readonly data: Uint8Array
}

/** What a parser makes of these bytes, cut at these places. */
function readIn(bytes: Buffer, cuts: readonly number[]): readonly Read[] {
  const messages: Read[] = []
  const push = (event: ParserEvent | (() => void)) => {
    if (typeof event === "function" || event.msg === undefined || event.data === undefined) return
    const { msg, data } = event
    messages.push({ subject: Buffer.from(msg.subject).toString(), data })
  }
  const parser = new Parser({ push })
  let from = 0
  for (const to of [...cuts, bytes.byteLength].toSorted((a, b) => a - b)) {
    parser.parse(bytes.subarray(from, to))
    from = Math.max(from, to)
  }
  return messages
}

const lineEnd = Buffer.from("\r\n")
const headers = Buffer.from("NATS/1.0\r\nNats-Sequence: 7\r\n\r\n")

const wireOf = (subject: string, data: Uint8Array) =>
  Buffer.concat([Buffer.from(`MSG ${subject} 1 ${data.byteLength}\r\n`), data, lineEnd])

/** Its headers stand before its data. */
const wireWithHeaders = (subject: string, data: Uint8Array) => {
  const sizes = `${headers.byteLength} ${headers.byteLength + data.byteLength}`
  return Buffer.concat([Buffer.from(`HMSG ${subject} 1 ${sizes}\r\n`), headers, data, lineEnd])
}

describe("messages that several reads bring", () => {
  it("are what was sent, wherever they are cut", () => {
    const one = fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.boolean())
    const sent = fc.array(one, { minLength: 1, maxLength: 5 })
    const places = fc.array(fc.nat({ max: 1_200 }), { maxLength: 12 })
    fc.assert(
      fc.property(sent, places, (messages, cuts) => {
        const wires = messages.map(([data, hasHeaders], i) =>
          (hasHeaders ? wireWithHeaders : wireOf)(`s${i}`, data),
        )
        const wire = Buffer.concat(wires)
        const within = cuts.filter((cut) => cut < wire.byteLength)
        const read = readIn(wire, within)
        expect(read.map(({ subject }) => subject)).toEqual(messages.map((_, i) => `s${i}`))
        for (const [i, { data }] of read.entries()) {
          const [own = Buffer.from("none"), hasHeaders] = messages[i] ?? []
          const whole = hasHeaders === true ? Buffer.concat([headers, own]) : own
          expect(Buffer.compare(data, whole)).toBe(0)
        }
      }),
    )
  })

  it("have memory of their own size from the first piece on", () => {
    const data = Buffer.alloc(150_000, 7)
    const [read] = readIn(wireOf("s", data), [30_000, 95_000])
    expect(read?.data.buffer.byteLength).toBe(data.byteLength)
    expect(Buffer.compare(read?.data ?? Buffer.alloc(0), data)).toBe(0)
    const [headed] = readIn(wireWithHeaders("s", data), [30_000, 95_000])
    expect(headed?.data.buffer.byteLength).toBe(headers.byteLength + data.byteLength)
  })

  it("get memory as they come where they say that they are larger than any may be", () => {
    const head = Buffer.from(`MSG s 1 ${natsWholeBytesMax + 1}\r\n12`)
    const parser = new Parser({ push: () => undefined })
    parser.parse(head)
    expect(parser.msgBuf?.capacity).toBeLessThan(100)
  })
})
