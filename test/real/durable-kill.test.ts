/** Durable state of an actor whose process is killed, or paused while another takes over. */
import { spawn } from "node:child_process"
import { rmSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { type Server, startNats } from "../servers/index.ts"
import { listenTo } from "../support/child.ts"
import { makeFolder } from "../support/embedded-world.ts"
import { logName } from "../support/jetstream-world.ts"

const child = fileURLToPath(new URL("../support/durable-child.ts", import.meta.url))
/** Events that one group has at most. */
const groupMax = 3

/** A process that counts, and that has begun to. */
async function counting(where: readonly string[]) {
  const started = listenTo(
    spawn(process.execPath, [child, ...where], { stdio: ["ignore", "pipe", "pipe"] }),
  )
  onTestFinished(() => void started.child.kill("SIGKILL"))
  const found = Number(await started.says(/found (\d+)/))
  await started.says(/has \d+\nhas \d+\nhas \d+/)
  return { ...started, found }
}

const lastAnswered = (err: string): number => Number(/has (\d+)\n(?!.*has)/s.exec(err)?.[1])

/** Each process finds all that the former one was told, and of one group it may not know. */
async function killAgainAndAgain(where: readonly string[], kills: number): Promise<number> {
  let answered = 0
  for (let at = 0; at < kills; at++) {
    const { child: process, ended, found } = await counting(where)
    expect(found).toBeGreaterThanOrEqual(answered)
    expect(found).toBeLessThanOrEqual(answered + groupMax)
    process.kill("SIGKILL")
    answered = lastAnswered((await ended).err)
    expect(answered).toBeGreaterThan(found)
  }
  return answered
}

test("a data directory has what was answered, through kill -9", async () => {
  const folder = makeFolder()
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  await killAgainAndAgain([folder], 4)
})

describe("on NATS", () => {
  let server: Server | undefined
  beforeAll(async () => {
    server = await startNats()
  })
  afterAll(() => server?.stop())

  test("what was answered is there, through kill -9 of owners and of the server", async () => {
    const where = [server?.url ?? "", logName()]
    const answered = await killAgainAndAgain(where, 3)
    const { child: process, ended, found } = await counting(where)
    expect(found).toBeGreaterThanOrEqual(answered)
    server?.kill()
    await server?.start()
    const next = await counting(where)
    await expect(ended).resolves.toMatchObject({ err: expect.stringMatching(/ended Fenced\n$/) })
    expect(process.exitCode).toBe(0)
    expect(next.found).toBeGreaterThanOrEqual(lastAnswered((await ended).err))
  })

  test("a process that was paused writes nothing more when another has taken over", async () => {
    const where = [server?.url ?? "", logName()]
    const former = await counting(where)
    former.child.kill("SIGSTOP")
    const next = await counting(where)
    former.child.kill("SIGCONT")
    const { err } = await former.ended
    expect(err).toMatch(/ended Fenced\n$/)
    expect(next.found).toBeGreaterThanOrEqual(lastAnswered(err))
    expect(next.found).toBeLessThanOrEqual(lastAnswered(err) + groupMax)
    next.child.kill("SIGKILL")
    expect((await next.ended).err).not.toMatch(/Error/)
  })
})
