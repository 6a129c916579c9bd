/** Entities, aliases and relationships of a working set, as the shared writer sees them. */
import { invariant } from "../../../protocols/errors.ts"
import { change } from "./cells.ts"
import type { Rows } from "./rows.ts"
import {
  type EdgeCell,
  edgeRowOf,
  type LinkCell,
  linkRowOf,
  type NodeCell,
  nameOfEnds,
  nameOfKey,
  nodeRowOf,
  type WorkingSet,
} from "./working-set.ts"

type Part<K extends keyof Rows> = Pick<Rows, K>

export const nodeRows = (
  set: WorkingSet,
): Part<
  | "nodeIdByKey"
  | "nodeByKey"
  | "nodeById"
  | "lastNode"
  | "insertNode"
  | "insertNewNode"
  | "updateNode"
  | "countNode"
  | "deleteNode"
  | "index"
  | "reindex"
  | "unindex"
> => {
  const insert: Rows["insertNode"] = (id, tenant, type, key, ...rest) => {
    const [asserted, properties, aliases, revision] = rest
    const shown = { asserted, properties, aliases, revision }
    set.nodes.add(id, { id, tenant, type, key, ...shown, state: "new" })
    set.nodesByKey.set(type, key, id)
    set.described.add(id)
    set.otherEdges.set(id, false)
  }
  const index = (id: number, text: string) =>
    void set.texts.set(id, { tenant: nodeOf(set, id).tenant, text })
  const byKey = (type: number, key: string) => {
    const id = set.nodesByKey.get(type, key)
    return id === undefined ? undefined : set.nodes.get(id)
  }
  return {
    nodeIdByKey: { get: (_tenant, type, key) => maybe(byKey(type, key)?.id) },
    nodeByKey: { get: (_tenant, type, key) => rowOfNode(byKey(type, key)) },
    nodeById: { get: (id) => rowOfNode(set.nodes.get(id)) },
    // The feed knows it: here a feed is as old as its store.
    lastNode: { get: () => undefined },
    insertNode: insert,
    insertNewNode: (...columns) => {
      if (byKey(columns[2], columns[3]) !== undefined) return 0
      insert(...columns)
      return 1
    },
    updateNode: (asserted, properties, aliases, revision, id) => {
      const cell = nodeOf(set, id)
      Object.assign(cell, { asserted, properties, aliases, revision })
      change(cell)
    },
    countNode: (more, id) => {
      const cell = nodeOf(set, id)
      cell.asserted += more
      change(cell)
    },
    deleteNode: (id) => set.removeNode(id),
    index,
    reindex: index,
    unindex: (id) => void set.texts.set(id, { tenant: nodeOf(set, id).tenant, text: undefined }),
  }
}

const rowOfNode = (cell: NodeCell | undefined) => cell && nodeRowOf(cell)

function nodeOf(set: WorkingSet, id: number): NodeCell {
  const cell = set.nodes.get(id)
  invariant(cell !== undefined, "An entity that is changed was fetched.")
  return cell
}

export const assertionRows = (
  set: WorkingSet,
): Part<
  | "insertAssertion"
  | "updateAssertion"
  | "deleteAssertion"
  | "spellOutAssertion"
  | "assertionsOf"
  | "sourcesOfNode"
  | "mergedNodesOf"
> => ({
  insertAssertion: (node, record, tenant, properties, aliases) => {
    const cell = { node, record, tenant, properties, aliases, state: "new" as const }
    set.assertions.add(`${node}/${record}`, cell)
    set.assertionsOf.add(node, cell)
  },
  updateAssertion: (properties, aliases, node, record) => {
    const cell = set.assertions.get(`${node}/${record}`)
    invariant(cell !== undefined, "An assertion that is changed was fetched.")
    Object.assign(cell, { properties, aliases })
    change(cell)
  },
  deleteAssertion: (node, record) => {
    const cell = set.assertions.remove(`${node}/${record}`)
    invariant(cell !== undefined, "An assertion that is dropped was fetched.")
    set.assertionsOf.remove(node, cell)
  },
  spellOutAssertion: (properties, aliases, node) => {
    for (const cell of set.assertionsAt(node)) {
      if (cell.properties !== null) continue
      Object.assign(cell, { properties, aliases })
      change(cell)
    }
  },
  assertionsOf: {
    all: (node) =>
      [...set.assertionsAt(node)].map(({ record, properties, aliases }) =>
        set.rankedOf(record, properties, aliases, record),
      ),
  },
  sourcesOfNode: {
    all: (node) => {
      const sources = [...set.assertionsAt(node)].map(({ record }) => set.sourceOf(record))
      return [...new Set(sources)].map((source) => [source])
    },
  },
  mergedNodesOf: { all: () => set.merged.nodes.map((id) => [id]) },
})

export const aliasRows = (
  set: WorkingSet,
): Part<
  | "aliasByName"
  | "lastAlias"
  | "insertAlias"
  | "aliasById"
  | "decideAlias"
  | "deleteAlias"
  | "insertClaim"
  | "deleteClaim"
  | "claimsOf"
  | "winnerOf"
  | "linksOfAlias"
> => ({
  aliasByName: {
    get: (_tenant, type, scheme, value) =>
      maybe(set.aliasesByName.get(nameOfKey(type, scheme, value))),
  },
  lastAlias: { get: () => [set.numbers.alias] },
  insertAlias: (id, tenant, type, scheme, value) => {
    const name = { id, tenant, type, scheme, value }
    set.aliases.add(id, { ...name, node: null, claims: 0, state: "new" })
    set.aliasesByName.set(nameOfKey(type, scheme, value), id)
    set.claimed.add(id)
    set.otherLinks.set(id, false)
    set.numbers.alias = id
  },
  aliasById: {
    get: (id) => {
      const cell = set.aliases.get(id)
      return cell && [cell.type, cell.scheme, cell.value, cell.node, cell.claims]
    },
  },
  decideAlias: (node, count, id) => {
    const cell = set.aliases.get(id)
    invariant(cell !== undefined, "An alias that is decided was fetched.")
    Object.assign(cell, { node, claims: count })
    change(cell)
  },
  deleteAlias: (id) => set.removeAlias(id),
  insertClaim: (alias, node, tenant) => {
    set.claims.add(`${alias}/${node}`, { alias, node, tenant, state: "new" })
    set.claimsOf.add(alias, node)
  },
  deleteClaim: (alias, node) => {
    claimsAt(set, alias)
    set.claims.remove(`${alias}/${node}`)
    set.claimsOf.remove(alias, node)
  },
  claimsOf: { get: (alias) => [claimsAt(set, alias)] },
  winnerOf: {
    get: (alias) => (claimsAt(set, alias) === 0 ? undefined : maybe(set.winnerOf(alias))),
  },
  linksOfAlias: {
    get: (alias) => {
      for (const link of set.linksOfAlias.of(alias)) return [link]
      const others = set.otherLinks.get(alias)
      invariant(others !== undefined, "Whether a touched alias has other links was asked.")
      return others ? [0] : undefined
    },
    all: (alias) => {
      invariant(set.otherLinks.get(alias) === false, "The links of a decided alias were fetched.")
      return [...set.linksOfAlias.of(alias)].map((link) => [link])
    },
  },
})

function claimsAt(set: WorkingSet, alias: number): number {
  invariant(set.claimed.has(alias), "The claims of a touched alias were fetched.")
  return set.claimsOf.sizeOf(alias)
}

export const edgeRows = (
  set: WorkingSet,
): Part<
  | "edgeByEnds"
  | "edgeById"
  | "lastEdge"
  | "insertEdge"
  | "updateEdge"
  | "countEdge"
  | "deleteEdge"
  | "edgeAt"
  | "mergedEdgesOf"
> => ({
  edgeByEnds: {
    get: (from, type, to, discriminator) => {
      const id = set.edgesByEnds.get(nameOfEnds(from, type, to, discriminator))
      const cell = id === undefined ? undefined : set.edges.get(id)
      return cell && edgeRowOf(cell)
    },
  },
  edgeById: {
    get: (id) => {
      const cell = set.edges.get(id)
      return cell && edgeRowOf(cell)
    },
  },
  lastEdge: { get: () => [set.numbers.edge] },
  insertEdge: (id, tenant, type, from, to, discriminator, derived, properties) => {
    const name = { id, tenant, type, from, to, discriminator }
    set.putEdge({ ...name, derived, links: 1, properties, state: "new" })
    set.attached.add(id)
    set.numbers.edge = id
  },
  updateEdge: (derived, properties, id) => {
    const cell = edgeOf(set, id)
    Object.assign(cell, { derived, properties })
    change(cell)
  },
  countEdge: (more, id) => {
    const cell = edgeOf(set, id)
    cell.links += more
    change(cell)
  },
  deleteEdge: (id) => set.removeEdge(id),
  edgeAt: {
    get: (node) => {
      if (set.edgesAt.sizeOf(node) > 0) return [1]
      const others = set.otherEdges.get(node)
      invariant(others !== undefined, "Whether an entity has other relationships was asked.")
      return others ? [1] : undefined
    },
  },
  mergedEdgesOf: { all: () => set.merged.edges.map((id) => [id]) },
})

function edgeOf(set: WorkingSet, id: number): EdgeCell {
  const cell = set.edges.get(id)
  invariant(cell !== undefined, "A relationship that is changed was fetched.")
  return cell
}

export const linkRows = (
  set: WorkingSet,
): Part<
  | "linkById"
  | "lastLink"
  | "insertLink"
  | "attachLink"
  | "setLinkText"
  | "spellOutLink"
  | "deleteLink"
  | "linksOf"
  | "sourcesOfEdge"
> => ({
  linkById: {
    get: (id) => {
      const cell = set.links.get(id)
      return cell && linkRowOf(cell, set.sourceOf(cell.record))
    },
  },
  lastLink: { get: () => [set.numbers.link] },
  insertLink: (id, tenant, record, type, ...rest) => {
    const [fromNode, fromAlias, toNode, toAlias, discriminator, derived, edge, properties] = rest
    const ends = { fromNode, fromAlias, toNode, toAlias }
    const said = { discriminator, derived, edge, properties }
    set.putLink({ id, tenant, record, type, ...ends, ...said, state: "new" })
    set.numbers.link = id
  },
  attachLink: (edge, properties, id) => {
    const cell = linkOf(set, id)
    if (cell.edge !== null) set.linksOfEdge.remove(cell.edge, id)
    set.linksOfEdge.add(edge, id)
    Object.assign(cell, { edge, properties })
    change(cell)
  },
  setLinkText: (properties, id) => {
    const cell = linkOf(set, id)
    cell.properties = properties
    change(cell)
  },
  spellOutLink: (properties, edge) => {
    for (const cell of set.linksAt(edge)) {
      if (cell.properties !== null) continue
      cell.properties = properties
      change(cell)
    }
  },
  deleteLink: (id) => set.removeLink(id),
  linksOf: {
    all: (edge) =>
      set
        .linksAt(edge)
        .map(({ id, record, properties, derived }) =>
          set.rankedOf(record, properties, derived, id),
        ),
  },
  sourcesOfEdge: {
    all: (edge) => {
      const derivedBy = new Map<number, number>()
      for (const { record, derived } of set.linksAt(edge)) {
        const source = set.sourceOf(record)
        derivedBy.set(source, Math.min(derived, derivedBy.get(source) ?? 1))
      }
      return [...derivedBy]
    },
  },
})

function linkOf(set: WorkingSet, id: number): LinkCell {
  const cell = set.links.get(id)
  invariant(cell !== undefined, "A link that is changed was fetched.")
  return cell
}

const maybe = <A>(value: A | undefined): [A] | undefined =>
  value === undefined ? undefined : [value]
