/** What a store of the graph port does with dead letters that somebody settles. */
import { expect, it } from "vitest"
import type { DeadLetter, DeadLetterChange, GraphStore } from "../../stores/index.ts"
import { run } from "../support/run.ts"
import type { Open } from "./graph-conformance.ts"
import { block, rejected, tenant, thing } from "./records.ts"

const gone = ({ source, run: of, ordinal }: DeadLetter): DeadLetterChange => ({
  source,
  run: of,
  ordinal,
  fault: undefined,
})

const fault = { reason: "missing-key" as const, detail: "It has no key.", fingerprint: "beef" }

const lettersOf = async ({ reads }: GraphStore, of = tenant) =>
  (await run(reads.deadLetters(of, {}, { first: 99 }))).items

const countOf = async ({ reads }: GraphStore, of = tenant) =>
  (await run(reads.counts(of))).deadLetters

/** Three letters of two sources, and one of another tenant that is called the same. */
async function withLetters(open: Open) {
  const store = await open()
  const blocks = [
    block(1, [rejected("!0"), thing("a"), rejected("!2")]),
    block(2, [rejected("!0")], { source: "other" }),
    block(3, [rejected("!0")], { tenant: "two" }),
  ]
  await run(store.sink.commit(blocks))
  return { store, blocks, letters: await lettersOf(store) }
}

export function conformanceOfLetters(open: Open): void {
  it("lets letters go by name, and nothing else with them", async () => {
    const { store, letters } = await withLetters(open)
    const [first, , ofOther] = letters
    const changes = [first, ofOther].flatMap((one) => (one === undefined ? [] : [gone(one)]))
    expect(changes).toHaveLength(2)
    const before = await run(store.reads.version(tenant))
    expect(await run(store.sink.settleDeadLetters(tenant, changes))).toBe(2)
    expect((await lettersOf(store)).map(({ ordinal }) => ordinal)).toEqual([2])
    expect(await countOf(store)).toBe(1)
    expect(await run(store.reads.version(tenant))).not.toBe(before)
    expect(await lettersOf(store, "two")).toHaveLength(1)
    expect(await run(store.sink.settleDeadLetters(tenant, changes))).toBe(0)
    expect(await countOf(store)).toBe(1)
    const [source] = await run(store.reads.sources(tenant))
    expect(source?.counters).toMatchObject({ read: 1, deadLettered: 1 })
  })

  it("says anew what is wrong with a letter, where it stands", async () => {
    const { store, letters } = await withLetters(open)
    const [first, second] = letters
    if (first === undefined || second === undefined) throw new Error("There are three letters.")
    const changes = [{ ...gone(second), fault }, gone(first)]
    expect(await run(store.sink.settleDeadLetters(tenant, changes))).toBe(2)
    const [mended] = await lettersOf(store)
    expect(mended).toEqual({ ...second, ...fault })
    expect(
      await run(store.reads.deadLetters(tenant, { reason: "missing-key" }, { first: 9 })),
    ).toMatchObject({ items: [{ id: second.id }] })
  })

  it("does not set a record aside again whose letter is gone", async () => {
    const { store, blocks, letters } = await withLetters(open)
    await run(store.sink.settleDeadLetters(tenant, letters.map(gone)))
    const [again] = blocks
    if (again === undefined) throw new Error("There are three blocks.")
    await run(store.sink.commit([again, { ...again, sequence: 9 }]))
    expect(await lettersOf(store)).toEqual([])
    expect(await countOf(store)).toBe(0)
  })

  it("finds no letter of a tenant, a source or a run that it does not have", async () => {
    const { store, letters } = await withLetters(open)
    const [first] = letters
    if (first === undefined) throw new Error("There are three letters.")
    const run2 = { epoch: 7, count: 7 }
    const changes = [
      { ...gone(first), source: "nobody" },
      { ...gone(first), run: run2 },
    ]
    expect(await run(store.sink.settleDeadLetters(tenant, changes))).toBe(0)
    expect(await run(store.sink.settleDeadLetters("nobody", [gone(first)]))).toBe(0)
    expect(await run(store.sink.settleDeadLetters(tenant, []))).toBe(0)
    expect(await lettersOf(store)).toEqual(letters)
    expect(await run(store.reads.tenants)).toEqual([tenant, "two"])
  })
}
