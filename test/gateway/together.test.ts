/** Answers of one turn of the event loop, over real sockets. */
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { setImmediate as turn } from "node:timers/promises"
import { expect, it, onTestFinished, vi } from "vitest"
import { replyJson } from "../../gateway/reply.ts"
import { sendTogether } from "../../gateway/together.ts"
import { answerHeldMillisMax } from "../../protocols/limits.ts"

/** So many requests that wait for their answers, each with what its client gets. */
async function waiting(count: number) {
  const server = createServer().listen(0, "127.0.0.1")
  onTestFinished(() => void server.close())
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const asked: { readonly response: ServerResponse; readonly text: Promise<string> }[] = []
  for (let i = 0; i < count; i++) {
    const request = once(server, "request")
    const text = fetch(`http://127.0.0.1:${port}/${i}`).then((answer) => answer.text())
    text.catch(() => undefined)
    const [, response] = await request
    asked.push({ response, text })
  }
  return asked
}

const type = "application/json"

function atMillis(now: number, use: () => void): void {
  const clock = vi.spyOn(performance, "now").mockReturnValue(now)
  use()
  clock.mockRestore()
}

it("leave at the end of the turn, each whole and to who asked", async () => {
  const asked = await waiting(3)
  atMillis(0, () => {
    for (const [i, { response }] of asked.entries()) replyJson(response, 200, `{"i":${i}}`, type)
  })
  expect(asked.map(({ response }) => response.headersSent)).toEqual([false, false, false])
  await turn()
  expect(asked.map(({ response }) => response.headersSent)).toEqual([true, true, true])
  expect(await Promise.all(asked.map(({ text }) => text))).toEqual(
    asked.map((_, i) => `{"i":${i}}`),
  )
})

it("wait no longer for others once these have taken their time", async () => {
  const [first, second] = await waiting(2)
  if (first === undefined || second === undefined) throw new Error("nobody asked")
  atMillis(0, () => replyJson(first.response, 200, "1", type))
  expect(first.response.headersSent).toBe(false)
  atMillis(answerHeldMillisMax, () => replyJson(second.response, 200, "2", type))
  expect([first, second].map(({ response }) => response.headersSent)).toEqual([true, true])
  expect(await Promise.all([first.text, second.text])).toEqual(["1", "2"])
})

it("reach the others where one cannot be sent, was sent, or its client has gone", async () => {
  const [broken, gone, answered, well] = await waiting(4)
  if (!(broken && gone && answered && well)) throw new Error("nobody asked")
  sendTogether(broken.response, () => {
    throw new Error("It cannot be written.")
  })
  replyJson(gone.response, 200, "2", type)
  gone.response.destroy()
  replyJson(answered.response, 200, "3", type)
  answered.response.end("before")
  replyJson(well.response, 200, "4", type)
  expect(await well.text).toBe("4")
  expect(await answered.text).toBe("before")
  await expect(broken.text).rejects.toThrow("fetch failed")
})
