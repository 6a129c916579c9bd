import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { cacheFolder, obtain, type Patience, type Run } from "./obtain.ts"

const patience: Patience = { silentMillisMax: 20_000, stepMillisMax: 20_000, retryMillis: [1, 1] }
const name = "thing-1.0"
const providedBy = "a thing on the PATH"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "intelgraph-test-"))
  vi.stubEnv("XDG_CACHE_HOME", folder)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs a line of JavaScript as a step. */
const script = (run: Run, text: string) => run(process.execPath, ["-e", text])
const inCache = () => readdirSync(cacheFolder())

describe("obtaining a program", () => {
  it("makes it once", async () => {
    let made = 0
    const make = async (part: string) => {
      made += 1
      writeFileSync(join(part, "program"), "here")
    }
    const first = await obtain({ name, providedBy, patience, make })
    expect(readFileSync(join(first, "program"), "utf8")).toBe("here")
    expect(await obtain({ name, providedBy, patience, make })).toBe(first)
    expect(made).toBe(1)
    expect(inCache()).toEqual([name])
  })

  it("lets a second one wait for the first", async () => {
    let made = 0
    const make = async (_part: string, run: Run) => {
      made += 1
      await script(run, "setTimeout(() => {}, 300)")
    }
    const program = { name, providedBy, patience, make }
    const [first, second] = await Promise.all([obtain(program), obtain(program)])
    expect(second).toBe(first)
    expect(made).toBe(1)
  })

  it("tries again what failed, from an empty folder", async () => {
    const once = join(folder, "once")
    const make = async (part: string, run: Run) => {
      expect(readdirSync(part)).toEqual([])
      writeFileSync(join(part, "part"), "")
      if (existsSync(once)) return
      writeFileSync(once, "")
      await script(run, "process.exit(3)")
    }
    await obtain({ name, providedBy, patience, make })
    expect(inCache()).toEqual([name])
  })

  it("ends a step that has gone silent, and tries again", async () => {
    const once = join(folder, "once")
    const make = async (_part: string, run: Run) => {
      if (existsSync(once)) return
      writeFileSync(once, "")
      await script(run, "setInterval(() => {}, 1000)")
    }
    await obtain({ name, providedBy, patience: { ...patience, silentMillisMax: 1_000 }, make })
    expect(existsSync(once)).toBe(true)
  })

  it("leaves a step alone that is silent and works", async () => {
    let tries = 0
    const make = async (_part: string, run: Run) => {
      tries += 1
      await script(run, "for (let u; !u || u.user + u.system < 2e6; u = process.cpuUsage());")
    }
    await obtain({ name, providedBy, patience: { ...patience, silentMillisMax: 1_000 }, make })
    expect(tries).toBe(1)
  })

  it("tells in the end what failed and what would provide it, and leaves nothing", async () => {
    const make = (_part: string, run: Run) => script(run, "console.log('no such'); process.exit(3)")
    await expect(obtain({ name, providedBy, patience, make })).rejects.toThrow(
      /thing-1\.0 is not here .* ended with 3\nno such\. It takes a thing on the PATH\.$/s,
    )
    expect(inCache()).toEqual([])
  })

  it("keeps nothing that does not run", async () => {
    const make = async (part: string) => writeFileSync(join(part, "program"), "")
    const runs = (part: string) => !existsSync(join(part, "program"))
    await expect(obtain({ name, providedBy, patience, make, runs })).rejects.toThrow(
      "what was obtained does not run here",
    )
    expect(inCache()).toEqual([])
  })

  it("does not try again where the command is missing", async () => {
    let tries = 0
    const make = (_part: string, run: Run) => {
      tries += 1
      return run("no-such-command", [])
    }
    await expect(obtain({ name, providedBy, patience, make })).rejects.toThrow(
      "`no-such-command` is not on the PATH. It takes a thing on the PATH.",
    )
    expect(tries).toBe(1)
  })
})
