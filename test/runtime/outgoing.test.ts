/** Messages for a NATS server as bytes. */
import { describe, expect, it } from "vitest"
import { natsGatheredBytesMax } from "../../protocols/limits.ts"
import { encode, headerText } from "../../runtime/adapters/jetstream/outgoing.ts"

const failures: string[] = []
const failed = (error: unknown) => void failures.push(String(error))
const textOf = (pieces: readonly Uint8Array[]) => Buffer.concat(pieces).toString()
const dataOf = (text: string) => Buffer.from(text)

describe("messages that leave together", () => {
  it("stand one after the other as the protocol has them", () => {
    const bytes = encode(
      [
        { subject: "a.b", data: dataOf("12") },
        { subject: "c", data: dataOf(""), reply: "in.1" },
        { subject: "d", data: dataOf("ä"), headers: headerText({ "Nats-Msg-Id": "x" }) },
      ],
      100,
    )
    const headed = "HPUB d 28 30\r\nNATS/1.0\r\nNats-Msg-Id: x\r\n\r\nä\r\n"
    expect(bytes).toHaveLength(1)
    expect(textOf(bytes)).toBe(`PUB a.b 2\r\n12\r\nPUB c in.1 0\r\n\r\n${headed}`)
  })

  it("keep their order around a large one, whose data is passed as it is", () => {
    const large = Buffer.alloc(natsGatheredBytesMax, "l")
    const pieces = encode(
      [
        { subject: "a", data: dataOf("1") },
        { subject: "b", data: dataOf("2") },
        { subject: "c", data: large, headers: headerText({ x: "y" }) },
        { subject: "d", data: dataOf("3") },
      ],
      1_000_000,
    )
    const size = natsGatheredBytesMax
    const headed = `HPUB c 18 ${size + 18}\r\nNATS/1.0\r\nx: y\r\n\r\n${large}\r\n`
    expect(textOf(pieces)).toBe(`PUB a 1\r\n1\r\nPUB b 1\r\n2\r\n${headed}PUB d 1\r\n3\r\n`)
    expect(pieces).toContain(large)
  })

  it("leave one behind that the server does not take, and say so of it", () => {
    failures.length = 0
    const large = { subject: "large", data: Buffer.alloc(11), failed }
    const small = { subject: "small", data: Buffer.alloc(10, "x"), failed }
    expect(textOf(encode([large, small], 10))).toBe("PUB small 10\r\nxxxxxxxxxx\r\n")
    expect(failures).toEqual(["Error: it is larger than the server takes"])
    expect(encode([large], 10)).toEqual([])
    const headers = headerText({ a: "b" })
    expect(encode([{ ...small, headers }], 10)).toEqual([])
  })

  it("have no headers where there are none", () => {
    expect(headerText({})).toBeUndefined()
  })
})
