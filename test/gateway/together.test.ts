/** Answers that follow each other closely, over real sockets. */
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { setImmediate as turn } from "node:timers/promises"
import { afterEach, expect, it, onTestFinished, vi } from "vitest"
import { replyJson } from "../../gateway/reply.ts"
import { sendTogether } from "../../gateway/together.ts"
import {
  answerHeldMillisMax,
  answersApartMillis,
  answersNearMillis,
} from "../../protocols/limits.ts"

interface Asked {
  readonly response: ServerResponse
  readonly text: Promise<string>
}

/** So many requests that wait for their answers, each with what its client gets. */
async function waiting(count: number) {
  const server = createServer().listen(0, "127.0.0.1")
  onTestFinished(() => void server.close())
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const asked: Asked[] = []
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

let passed = 0

/** A time of the process's clock, of which each test has its own second. */
const nowAt = (millis: number): number => 1e9 + passed * 1_000 + millis

function atMillis(millis: number, use: () => void): void {
  const clock = vi.spyOn(performance, "now").mockReturnValue(nowAt(millis))
  try {
    use()
  } finally {
    clock.mockRestore()
  }
}

afterEach(() => {
  passed++
})

const answer = (asked: readonly Asked[]) => {
  for (const [i, { response }] of asked.entries()) replyJson(response, 200, `{"i":${i}}`, type)
}
const areSent = (asked: readonly Asked[]) => asked.map(({ response }) => response.headersSent)
const textsOf = (asked: readonly Asked[]) => Promise.all(asked.map(({ text }) => text))

it("wait for the end of the turn behind the first, each whole and to who asked", async () => {
  const asked = await waiting(4)
  atMillis(0, () => answer(asked))
  expect(areSent(asked)).toEqual([true, false, false, false])
  await turn()
  expect(areSent(asked)).toEqual([true, true, true, true])
  expect(await textsOf(asked)).toEqual(asked.map((_, i) => `{"i":${i}}`))
})

it("leave at once where none came just before, and take those with them that wait", async () => {
  const [alone, near, later] = await waiting(3)
  if (!(alone && near && later)) throw new Error("nobody asked")
  atMillis(0, () => replyJson(alone.response, 200, "1", type))
  expect(areSent([alone])).toEqual([true])
  atMillis(answersNearMillis, () => replyJson(near.response, 200, "2", type))
  expect(areSent([near])).toEqual([false])
  atMillis(3 * answersNearMillis, () => replyJson(later.response, 200, "3", type))
  expect(areSent([near, later])).toEqual([true, true])
  expect(await textsOf([alone, near, later])).toEqual(["1", "2", "3"])
})

it("wait no longer for others that keep coming", async () => {
  const count = 2 + Math.ceil(answerHeldMillisMax / answersNearMillis)
  const asked = await waiting(count)
  for (const [i, one] of asked.entries()) atMillis(i * answersNearMillis, () => answer([one]))
  expect(areSent(asked)).toEqual(asked.map(() => true))
  await textsOf(asked)
})

it("leave at once for a while after a turn that had other work behind them", async () => {
  const [first, held, later, soon, again, near] = await waiting(6)
  if (!(first && held && later && soon && again && near)) throw new Error("nobody asked")
  atMillis(0, () => answer([first, held]))
  const clock = vi.spyOn(performance, "now").mockReturnValue(nowAt(answerHeldMillisMax))
  await turn()
  clock.mockRestore()
  expect(areSent([first, held])).toEqual([true, true])
  atMillis(answerHeldMillisMax + answersNearMillis, () => answer([later, soon]))
  expect(areSent([later, soon])).toEqual([true, true])
  atMillis(answerHeldMillisMax + answersApartMillis - answersNearMillis, () => answer([again]))
  expect(areSent([again])).toEqual([true])
  atMillis(answerHeldMillisMax + answersApartMillis, () => answer([near]))
  expect(areSent([near])).toEqual([false])
  await textsOf([first, held, later, soon, again, near])
})

it("reach the others where one cannot be sent, was sent, or its client has gone", async () => {
  const [first, broken, gone, answered, well] = await waiting(5)
  if (!(first && broken && gone && answered && well)) throw new Error("nobody asked")
  const sent = vi.fn()
  atMillis(0, () => {
    replyJson(first.response, 200, "1", type)
    sendTogether(broken.response, () => {
      throw new Error("It cannot be written.")
    })
    sendTogether(gone.response, sent)
    sendTogether(answered.response, sent)
    replyJson(well.response, 200, "5", type)
    gone.response.destroy()
    answered.response.end("before")
  })
  expect(await well.text).toBe("5")
  expect(await answered.text).toBe("before")
  await expect(broken.text).rejects.toThrow("fetch failed")
  expect(sent).not.toHaveBeenCalled()
})
