/** A disk that is full: one sentence, exit 1, and everything is there once there is room. */
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { intelgraph, json, launcher, ndjson, newWorld, put } from "../acceptance/world.ts"

const world = newWorld()
const records = Array.from({ length: 20_000 }, (_, n) => ({ id: `r${n}`, text: "y".repeat(400) }))

/** Runs a script with mounts of its own: as root, or in a user namespace. */
function withMounts(script: string): void {
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"]
  execFileSync("unshare", [...user, "--mount", "sh", "-ec", script], { cwd: world })
}

it.each(["1m", "3m", "9m"])("of %s is told, and loses nothing", async (size) => {
  put(world, "much.ndjson", ndjson(records))
  mkdirSync(join(world, size))
  const node = `"${process.execPath}" "${launcher}" ingest much.ndjson --json`
  withMounts(`
    mount -t tmpfs -o size=${size} tmpfs ${size}
    ${node} --data-dir ${size}/data > ${size}.out 2> ${size}.err || echo $? > ${size}.code
    cp -r ${size}/data ${size}-after
  `)
  const said = readFileSync(join(world, `${size}.err`), "utf8")
  expect(readFileSync(join(world, `${size}.code`), "utf8").trim()).toBe("1")
  expect(said).toMatch(
    /^intelgraph: The (disk is full: \S+ cannot grow|graph store's disk is full)/m,
  )
  expect(said).not.toMatch(/\n\s+at |should not happen/)
  expect(said.match(/^intelgraph: (?!Without a mapping)/gm)).toHaveLength(1)

  const { totals } = await json(world, "ingest", "--data-dir", `${size}-after`, "much.ndjson")
  expect(totals).toMatchObject({ read: 20_000, accepted: 20_000, entities: 20_000 })
  const words = ["status", "--graph-hash", "--json", "--data-dir"]
  const { graphHash } = JSON.parse((await intelgraph(world, ...words, `${size}-after`)).out)
  await json(world, "ingest", "--data-dir", `${size}-whole`, "much.ndjson")
  const whole = JSON.parse((await intelgraph(world, ...words, `${size}-whole`)).out)
  expect(graphHash).toBe(whole.graphHash)
})
