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

const wireOf = (subject: string, data: Uint8Array) =>
  Buffer.concat([Buffer.from(`MSG ${subject} 1 ${data.byteLength}\r\n`), data, Buffer.from("\r\n")])

describe("messages that several reads bring", () => {
  it("are what was sent, wherever they are cut", () => {
    const sent = fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 5 })
    const places = fc.array(fc.nat({ max: 1_200 }), { maxLength: 12 })
    fc.assert(
      fc.property(sent, places, (datas, cuts) => {
        const wire = Buffer.concat(datas.map((data, i) => wireOf(`s${i}`, data)))
        const within = cuts.filter((cut) => cut < wire.byteLength)
        const read = readIn(wire, within)
        expect(read.map(({ subject }) => subject)).toEqual(datas.map((_, i) => `s${i}`))
        for (const [i, { data }] of read.entries()) {
          expect(Buffer.compare(data, datas[i] ?? Buffer.from("none"))).toBe(0)
        }
      }),
    )
  })

  it("have memory of their own size from the first piece on", () => {
    const data = Buffer.alloc(150_000, 7)
    const [read] = readIn(wireOf("s", data), [30_000, 95_000])
    expect(read?.data.buffer.byteLength).toBe(data.byteLength)
    expect(Buffer.compare(read?.data ?? Buffer.alloc(0), data)).toBe(0)
  })

  it("get memory as they come where they say that they are larger than any may be", () => {
    const head = Buffer.from(`MSG s 1 ${natsWholeBytesMax + 1}\r\n12`)
    const parser = new Parser({ push: () => undefined })
    parser.parse(head)
    expect(parser.msgBuf?.capacity).toBeLessThan(100)
  })
})
