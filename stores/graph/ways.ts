/** What ways through the graph refuse, and where they give up. */
import { Invalid, LimitExceeded } from "../../protocols/errors.ts"
import {
  neighborsHopsMax,
  pathEdgesScannedMax,
  pathHopsMax,
  pathVisitedMax,
} from "../../protocols/limits.ts"
import type { VisibleEntity } from "./port.ts"

export function checkNeighborHops(hops: number): void {
  if (!Number.isInteger(hops) || hops < 1 || hops > neighborsHopsMax) {
    const message = `Neighbours are looked for over 1 to ${neighborsHopsMax} hops, not ${hops}.`
    throw new Invalid({ what: "hops", message })
  }
}

/** An entity as one of a neighbourhood. */
export const neighborOf = (entity: VisibleEntity, hops: number) => {
  const { type, key, stub, properties, aliases, revision } = entity
  return { type, key, stub, properties, aliases, revision, hops }
}

export function checkPathHops(hopsMax: number): void {
  if (!Number.isInteger(hopsMax) || hopsMax < 1 || hopsMax > pathHopsMax) {
    const message = `A path has 1 to ${pathHopsMax} hops, not ${hopsMax}.`
    throw new Invalid({ what: "hopsMax", message })
  }
}

export const pathTooWide = () =>
  new LimitExceeded({
    limit: "pathVisitedMax",
    bound: pathVisitedMax,
    value: pathVisitedMax + 1,
    message: `The search for a path touched more than ${pathVisitedMax} entities and gave up.`,
  })

export const pathTooMany = (scanned: number) =>
  new LimitExceeded({
    limit: "pathEdgesScannedMax",
    bound: pathEdgesScannedMax,
    value: scanned,
    message: `The search for a path looked at ${scanned} relationships and gave up.`,
  })
