import { expect, it } from "vitest"
import { type Change, changesDocument, clientOf, listen } from "./client.ts"
import { liveWorld, until } from "./world.ts"

it("tells a subscriber of changes that are committed", async () => {
  const world = await liveWorld()
  const told = listen<Change>(clientOf(world.socketUrl), changesDocument)
  await world.subscribers(1)
  await world.say([{ key: "a", name: "A" }])
  await world.say([{ key: "a", name: "B" }])
  await world.takeBack(["a"])
  await until(() => told.events.length >= 3)
  expect(told.events.map(({ kind, key, entity }) => [kind, key, entity?.name])).toEqual([
    ["CREATED", "a", expect.anything()],
    ["UPDATED", "a", expect.anything()],
    ["REMOVED", "a", undefined],
  ])
})
