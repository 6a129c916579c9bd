/**
 * The tree of actors as people see it: spawned ones one by one, virtual ones by type and tenant.
 */
import { viewTroubledMax } from "../../protocols/limits.ts"
import type { ActorView } from "./actor.ts"
import type { Cell } from "./cell.ts"
import { addMailboxCounters, type Kin } from "./kin.ts"
import type { Family, Virtuals } from "./virtual.ts"

/** Of one tenant where it is given; the root itself is nobody's and always there. */
export function viewOf(root: Cell, virtuals: Virtuals, tenant: string | undefined): ActorView {
  const view = viewOfCell(root, tenant)
  const families: ActorView[] = []
  for (const family of virtuals.families) {
    for (const kin of family.kins.values()) {
      if (tenant === undefined || kin.tenant === tenant) families.push(viewOfKin(family, kin))
    }
  }
  return { ...view, children: [...view.children, ...families] }
}

export function viewOfCell(cell: Cell, tenant: string | undefined): ActorView {
  const { extra } = cell
  return {
    address: cell.address,
    state: stateOf(cell),
    restarts: extra?.restarts ?? 0,
    counters: cell.counters(),
    lastError: extra?.lastError,
    children: childrenOf(cell, tenant),
  }
}

/** A tenant's actors are shown also where those above them are the node's own, which are not. */
function childrenOf(cell: Cell, tenant: string | undefined): readonly ActorView[] {
  return [...(cell.extra?.children ?? [])].flatMap((child) =>
    tenant === undefined || child.home.tenant === tenant
      ? [viewOfCell(child, tenant)]
      : childrenOf(child, tenant),
  )
}

function stateOf(cell: Cell): ActorView["state"] {
  switch (cell.state) {
    case "starting":
    case "running":
      return "running"
    case "waiting":
      return "restarting"
    case "ending":
      return cell.extra?.goal === "restart" ? "restarting" : "stopping"
    case "quarantined":
      return "quarantined"
    case "gone":
      return "stopping"
  }
}

/** All virtual actors of a type and tenant as one, with those in trouble below it. */
function viewOfKin(family: Family, kin: Kin): ActorView {
  let counters = kin.retired
  let restarts = 0
  const troubled: ActorView[] = []
  for (const cell of kin.cells.values()) {
    counters = addMailboxCounters(counters, cell.counters())
    restarts += cell.extra?.restarts ?? 0
    const state = stateOf(cell)
    if (state !== "running" && troubled.length < viewTroubledMax) {
      troubled.push(viewOfCell(cell, undefined))
    }
  }
  return {
    address: { tenant: kin.tenant, kind: kin.kind, key: "*" },
    state: kin.cells.size === 0 && family.passiveCount(kin) > 0 ? "passive" : "running",
    restarts,
    counters,
    lastError: undefined,
    children: troubled,
  }
}
