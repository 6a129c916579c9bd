/** The verbs over a cluster, as `../table.ts` lists them. */
import type { Flag, Verb } from "../verb.ts"

const dataDir: Flag = {
  value: "DIR",
  help: "data directory of the node that is asked (default ./intelgraph-data)",
}
const json: Flag = { help: "the result as one JSON value on stdout" }
const config: Flag = { value: "FILE", help: "the configuration (default ./intelgraph.yaml)" }
const common = { "data-dir": dataDir, json, config }
const tenant: Flag = { value: "NAME", help: "actors of this tenant only (default all)" }
const onNode: Flag = { value: "NAME", help: "actors of this node only" }
const follow: Flag = { help: "look again and again, until Ctrl-C" }
const over: Flag = { value: "TIME", help: "between the two looks, such as 5s (default 1s)" }
const first = (count: string): Flag => ({ value: "N", help: `how many rows (default ${count})` })

const status: Verb = {
  name: "cluster status",
  words: "",
  summary: "The nodes, what each holds and does, and shards without an owner",
  wordsMin: 0,
  wordsMax: 0,
  flags: common,
  examples: ["cluster status", "cluster status --json --data-dir ./node-a"],
  load: () => import("../verbs/cluster-status.ts"),
}

const watch: Verb = {
  name: "cluster watch",
  words: "",
  summary: "Tell of nodes that come, change and go, and of shards that move",
  wordsMin: 0,
  wordsMax: 0,
  flags: {
    ...common,
    json: { help: "each change as one line of JSON" },
    first: { value: "N", help: "end after so many changes" },
  },
  examples: ["cluster watch", "cluster watch --json"],
  load: () => import("../verbs/cluster-watch.ts"),
}

const drain: Verb = {
  name: "node drain",
  words: "NAME",
  summary: "Have a node hand its shards over one by one, and leave",
  wordsMin: 1,
  wordsMax: 1,
  flags: { ...common, wait: { help: "end when the node has none any more" } },
  examples: ["node drain b", "node drain b --wait"],
  load: () => import("../verbs/node-drain.ts"),
}

const cordon: Verb = {
  name: "node cordon",
  words: "NAME",
  summary: "Have a node keep the shards that it has, and take no more",
  wordsMin: 1,
  wordsMax: 1,
  flags: common,
  examples: ["node cordon b"],
  load: () => import("../verbs/node-cordon.ts"),
}

const serve: Verb = {
  name: "node serve",
  words: "NAME",
  summary: "Have a node take its share again, after a cordon or during a drain",
  wordsMin: 1,
  wordsMax: 1,
  flags: common,
  examples: ["node serve b"],
  load: () => import("../verbs/node-serve.ts"),
}

const listActors: Verb = {
  name: "actor ls",
  words: "",
  summary: "List the actors of all nodes, by address",
  wordsMin: 0,
  wordsMax: 0,
  flags: {
    ...common,
    tenant,
    node: onNode,
    kind: { value: "KIND", help: "actors of this kind only" },
    state: { value: "STATE", help: "running, restarting, quarantined, stopping or passive" },
    first: first("50"),
  },
  examples: ["actor ls --tenant demo --kind partition", "actor ls --state quarantined"],
  load: () => import("../verbs/actor-ls.ts"),
}

const getActor: Verb = {
  name: "actor get",
  words: "ADDRESS",
  summary: "Show the actor at a tenant/kind/key, wherever it is, with all its counters",
  wordsMin: 1,
  wordsMax: 1,
  flags: common,
  examples: ["actor get demo/partition/0"],
  load: () => import("../verbs/actor-get.ts"),
}

const actorTree: Verb = {
  name: "actor tree",
  words: "",
  summary: "Show who has started whom, node by node",
  wordsMin: 0,
  wordsMax: 0,
  flags: { ...common, tenant, node: onNode, first: first("50") },
  examples: ["actor tree --tenant demo", "actor tree --node b --json"],
  load: () => import("../verbs/actor-tree.ts"),
}

const topActors: Verb = {
  name: "actor top",
  words: "",
  summary: "Show the actors that do most",
  wordsMin: 0,
  wordsMax: 0,
  flags: { ...common, tenant, first: first("20"), over, follow },
  examples: ["actor top", "actor top --over 10s --first 5 --json"],
  load: () => import("../verbs/actor-top.ts"),
}

const topMailboxes: Verb = {
  name: "mailbox top",
  words: "",
  summary: "Show the mailboxes in which most waits",
  wordsMin: 0,
  wordsMax: 0,
  flags: { ...common, tenant, first: first("20"), over, follow },
  examples: ["mailbox top", "mailbox top --tenant demo --follow"],
  load: () => import("../verbs/mailbox-top.ts"),
}

export const clusterVerbs: readonly Verb[] = [
  status,
  watch,
  drain,
  cordon,
  serve,
  listActors,
  getActor,
  actorTree,
  topActors,
  topMailboxes,
]
