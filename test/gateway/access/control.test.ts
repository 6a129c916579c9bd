import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it, vi } from "vitest"
import { AccessControl } from "../../../gateway/access/control.ts"
import { memoryAccessStore } from "../../../gateway/access/memory-store.ts"
import { viewAccess } from "../../../gateway/index.ts"
import {
  accessSweepMillis,
  auditRowsMax,
  auditRowsPerTrim,
  auditWhatLengthMax,
  tokenMillisMax,
  tokensMax,
} from "../../../protocols/limits.ts"
import { run } from "../../support/run.ts"
import { temporaryFolder } from "../../support/scoped.ts"
import { startStopwatch } from "../../support/stopwatch.ts"
import { bearer, keptAccess, once, tokenFor } from "./kept.ts"

describe("a token", () => {
  it("is good until it expires, to the millisecond, and never after", async () => {
    const { control, clock } = await keptAccess()
    const { text } = tokenFor(control, "demo", ["read"], 60_000)
    const { authorization } = bearer(text)
    expect(control.authenticate(authorization)).toMatchObject({ tenant: "demo", isOperator: false })
    clock.nowMillis += 59_999
    expect(control.authenticate(authorization)).toBeDefined()
    clock.nowMillis += 1
    expect(control.authenticate(authorization)).toBeUndefined()
  })

  it("is good for no one after it is revoked, also after a restart", async () => {
    const { path, clock } = newFolder()
    const text = await once(path, clock, (control) => {
      const made = tokenFor(control, "demo")
      expect(control.authenticateToken(made.text)).toBeDefined()
      expect(control.revoke("local", made.token.id)?.revokedMillis).toBe(clock.nowMillis)
      expect(control.authenticateToken(made.text)).toBeUndefined()
      clock.nowMillis += 1
      expect(control.revoke("local", made.token.id)?.revokedMillis).toBe(clock.nowMillis - 1)
      expect(control.revoke("local", "nobody")).toBeUndefined()
      return made.text
    })
    await once(path, clock, (control) => expect(control.authenticateToken(text)).toBeUndefined())
  })

  it("is refused with another secret, or under another id", async () => {
    const { control } = await keptAccess()
    const [one, two] = [tokenFor(control, "one"), tokenFor(control, "two")]
    const mixed = one.text.slice(0, 16) + two.text.slice(16)
    expect(control.authenticateToken(mixed)).toBeUndefined()
    expect(control.authenticateToken(one.text)?.by).toBe(one.token.id)
  })

  it("is in no file of the data directory", async () => {
    const { control, path } = await keptAccess()
    const { text } = tokenFor(control, "demo")
    control.flush()
    for (const file of readdirSync(path).filter(
      (name) => name.endsWith(".db") || name.endsWith("-wal"),
    )) {
      const bytes = readFileSync(join(path, file))
      for (const part of [text, text.slice(16), Buffer.from(text.slice(16), "base64url")]) {
        expect(bytes.includes(part)).toBe(false)
      }
    }
  })

  it("of all tenants operates and does nothing else", async () => {
    const { control } = await keptAccess()
    const operator = tokenFor(control, "*", ["operate"])
    expect(control.authenticateToken(operator.text)).toMatchObject({
      tenant: undefined,
      isOperator: true,
    })
    for (const scopes of [["read"], ["operate", "read"], ["write", "operate"]]) {
      expect(() => tokenFor(control, "*", scopes)).toThrow("operate and no other")
    }
  })

  it("is not made of what is out of bounds, and then nothing has happened", () => {
    const control = volatile()
    const good = { tenant: "demo", scopes: ["read"], label: "", lastsMillis: 60_000 }
    for (const wrong of [
      { tenant: "A" },
      { tenant: "" },
      { tenant: "a*" },
      { scopes: [] },
      { scopes: ["read", "fly"] },
      { label: "x".repeat(65) },
      { label: "bell\u0007" },
      { label: "\u202Eright to left" },
      { lastsMillis: 999 },
      { lastsMillis: tokenMillisMax + 1 },
      { lastsMillis: Number.NaN },
    ]) {
      expect(() => control.create("local", { ...good, ...wrong })).toThrow()
    }
    expect([control.isOpen, control.tokens]).toEqual([true, []])
    control.create("local", good)
  })

  it("makes room for itself where others ended, and is refused where all are good", () => {
    const clock = { nowMillis: 0 }
    const control = new AccessControl({
      store: memoryAccessStore(),
      openTenant: "demo",
      nowMillis: () => clock.nowMillis,
    })
    const first = tokenFor(control, "demo", ["read"], 1_000)
    const second = tokenFor(control, "demo", ["read"], 2_000)
    for (let count = 2; count < tokensMax; count++) tokenFor(control, "demo", ["read"])
    expect(() => tokenFor(control, "demo")).toThrow(`at most ${tokensMax}`)
    clock.nowMillis = 3_000
    tokenFor(control, "demo")
    const ids = new Set(control.tokens.map(({ id }) => id))
    expect([ids.size, ids.has(first.token.id), ids.has(second.token.id)]).toEqual([
      tokensMax,
      false,
      true,
    ])
  })
})

describe("the open mode", () => {
  it("is one tenant's, and ends with the first token", async () => {
    const { control } = await keptAccess()
    expect(control.authenticate(undefined)).toMatchObject({ tenant: "demo", by: "open" })
    tokenFor(control, "other")
    expect([control.isOpen, control.authenticate(undefined)]).toEqual([false, undefined])
  })

  it("never lets in what is sent and is no token", async () => {
    const { control } = await keptAccess()
    for (const header of ["", "Bearer", "Bearer x", "Basic dXNlcjpwYXNz"]) {
      expect(control.authenticate(header)).toBeUndefined()
    }
  })

  it("never returns, also when all tokens are revoked, expired or forgotten", async () => {
    const { path, clock } = newFolder()
    const id = await once(path, clock, (control) => tokenFor(control, "demo").token.id)
    await once(path, clock, (control) => {
      control.revoke("local", id)
      expect([control.isOpen, control.authenticate(undefined)]).toEqual([false, undefined])
    })
    clock.nowMillis += tokenMillisMax
    await once(path, clock, (control) => expect(control.isOpen).toBe(false))
    const db = new DatabaseSync(join(path, "meta.db"))
    db.exec("delete from token")
    db.close()
    await once(path, clock, (control) => {
      expect([control.tokens, control.isOpen]).toEqual([[], false])
      expect(control.authenticate(undefined)).toBeUndefined()
    })
  })
})

describe("what watches an access", () => {
  it("is told once, at once, when its token is revoked, and others are not", async () => {
    const { control } = await keptAccess()
    const [one, two] = [tokenFor(control, "one"), tokenFor(control, "two")]
    const told: string[] = []
    watchBy(control, one.text, () => told.push("one"))
    watchBy(control, one.text, () => told.push("one again"))
    watchBy(control, two.text, () => told.push("two"))
    watchBy(control, one.text, () => told.push("gone"))()
    control.revoke("local", one.token.id)
    control.revoke("local", one.token.id)
    expect(told).toEqual(["one", "one again"])
  })

  it("is told within a second of its expiry", async () => {
    const { control, clock } = await keptAccess()
    const { text } = tokenFor(control, "demo", ["read"], 1_000)
    const ended = vi.fn()
    watchBy(control, text, ended)
    clock.nowMillis += 1_000
    const ranMillis = startStopwatch()
    await vi.waitFor(() => expect(ended).toHaveBeenCalledOnce(), { interval: 5, timeout: 10_000 })
    expect(accessSweepMillis).toBeLessThanOrEqual(500)
    expect(ranMillis()).toBeLessThan(1_000)
  })

  it("is told when the open mode ends", async () => {
    const { control } = await keptAccess()
    const ended = vi.fn()
    const open = control.authenticate(undefined)
    if (open !== undefined) control.watch(open, ended)
    tokenFor(control, "demo")
    expect(ended).toHaveBeenCalledOnce()
  })

  it("is told also where the access ended before it watched", async () => {
    const { control } = await keptAccess()
    const { text, token } = tokenFor(control, "demo")
    const access = control.authenticateToken(text)
    control.revoke("local", token.id)
    const ended = vi.fn()
    if (access !== undefined) control.watch(access, ended)
    await vi.waitFor(() => expect(ended).toHaveBeenCalledOnce(), 20_000)
  })
})

describe("rows of audit", () => {
  const deed = (tenant: string, what: string) =>
    ({ access: { by: "someone", tenant }, action: "ask", what, outcome: "refused" }) as const
  const rowsOf = async (meta: string, first: number, tenant?: string) =>
    (await run(viewAccess(meta, { tenant, first }))).audit

  it("say who made and revoked a token, and outlive the node", async () => {
    const { path, clock } = newFolder()
    const { id } = await once(path, clock, (control) => {
      const { token } = tokenFor(control, "demo", ["read"])
      control.revoke("local", token.id)
      control.audit(deed("other", "/metrics"))
      return token
    })
    const atMillis = clock.nowMillis
    expect(await rowsOf(join(path, "meta.db"), 10)).toEqual([
      {
        atMillis,
        by: "someone",
        tenant: "other",
        action: "ask",
        what: "/metrics",
        outcome: "refused",
      },
      { atMillis, by: "local", tenant: "demo", action: "token revoke", what: id, outcome: "done" },
      {
        atMillis,
        by: "local",
        tenant: "demo",
        action: "token create",
        what: `${id} read`,
        outcome: "done",
      },
    ])
    expect(await rowsOf(join(path, "meta.db"), 10, "other")).toHaveLength(1)
  })

  it("are written by themselves, and are short", async () => {
    const { control, meta } = await keptAccess()
    control.audit(deed("demo", "x".repeat(10_000)))
    await vi.waitFor(async () => {
      const [row] = await rowsOf(meta, 1)
      expect(row?.what).toHaveLength(auditWhatLengthMax)
    }, 20_000)
  })

  it("are bounded, and a tenant that is refused often pushes out its own", async () => {
    const { control, meta } = await keptAccess()
    tokenFor(control, "quiet")
    for (let count = 0; count < auditRowsMax + 10; count++) control.audit(deed("loud", `${count}`))
    control.flush()
    expect(await rowsOf(meta, 10, "quiet")).toHaveLength(1)
    const loud = await rowsOf(meta, auditRowsMax, "loud")
    expect(loud.length).toBeLessThan(auditRowsMax)
    expect(loud.length).toBeGreaterThanOrEqual(auditRowsMax - auditRowsPerTrim)
    expect(loud[0]?.what).toBe(String(auditRowsMax + 9))
  })
})

const volatile = () => new AccessControl({ store: memoryAccessStore(), openTenant: "demo" })

/** A folder and a clock for processes that come one after the other. */
const newFolder = () => ({ path: temporaryFolder(), clock: { nowMillis: 1_900_000_000_000 } })

function watchBy(control: AccessControl, text: string, onEnd: () => void): () => void {
  const access = control.authenticateToken(text)
  if (access === undefined) throw new Error("the token is not good")
  return control.watch(access, onEnd)
}
