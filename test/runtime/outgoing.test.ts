/** Messages for a NATS server as bytes. */
import { describe, expect, it } from "vitest"
import { encode, headerText } from "../../runtime/adapters/jetstream/outgoing.ts"

const failures: string[] = []
const failed = (error: unknown) => void failures.push(String(error))
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
    expect(Buffer.from(bytes).toString()).toBe(`PUB a.b 2\r\n12\r\nPUB c in.1 0\r\n\r\n${headed}`)
  })

  it("leave one behind that the server does not take, and say so of it", () => {
    failures.length = 0
    const large = { subject: "large", data: Buffer.alloc(11), failed }
    const small = { subject: "small", data: Buffer.alloc(10, "x"), failed }
    expect(Buffer.from(encode([large, small], 10)).toString()).toBe(
      "PUB small 10\r\nxxxxxxxxxx\r\n",
    )
    expect(failures).toEqual(["Error: it is larger than the server takes"])
    expect(encode([large], 10).byteLength).toBe(0)
    const headers = headerText({ a: "b" })
    expect(encode([{ ...small, headers }], 10).byteLength).toBe(0)
  })

  it("have no headers where there are none", () => {
    expect(headerText({})).toBeUndefined()
  })
})
