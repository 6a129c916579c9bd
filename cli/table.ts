/** The verbs of the command line: the only source of what is accepted and of what `--help` says. */
import { ingestFilesMax, writeRecordsMax } from "../protocols/limits.ts"
import { clusterVerbs } from "./cluster/table.ts"
import type { Flag, Verb } from "./verb.ts"

const dataDir: Flag = {
  value: "DIR",
  help: "the data directory (default ./intelgraph-data)",
}
const tenant: Flag = { value: "NAME", help: "whose data (default demo)" }
const json: Flag = { help: "the result as one JSON value on stdout" }
const config: Flag = { value: "FILE", help: "the configuration (default ./intelgraph.yaml)" }
const graph: Verb["flags"] = {
  postgres: { value: "URL", help: "database that keeps the graph (default the data directory)" },
  neo4j: { value: "URL", help: "server that keeps the graph; Postgres beside it gets the same" },
}
const nats: Verb["flags"] = {
  nats: { value: "URL", help: "servers that keep the log (default the data directory)" },
}
const redis: Verb["flags"] = {
  redis: { value: "URL", help: "server that keeps answers that are dear, for all nodes" },
}
const servers: Verb["flags"] = { ...nats, ...graph, ...redis }
const common = { "data-dir": dataDir, tenant, json, config }

const start: Verb = {
  name: "start",
  words: "",
  summary: "Run a node: read its sources, answer their question, serve GraphQL",
  wordsMin: 0,
  wordsMax: 0,
  flags: {
    ...common,
    ...servers,
    node: { value: "NAME", help: "its name in a cluster (default made once, and kept)" },
    once: { help: "end after the summary instead of serving" },
    port: { value: "N", help: "port of the edge (default 4000; 0 takes any)" },
    host: { value: "ADDRESS", help: "address of the edge (default 127.0.0.1)" },
    "tls-cert": { value: "FILE", help: "certificate of the edge, as PEM" },
    "tls-key": { value: "FILE", help: "its private key, as PEM" },
  },
  examples: ["start", "start --once --json --data-dir /tmp/try"],
  load: () => import("./verbs/start.ts"),
}

const ingest: Verb = {
  name: "ingest",
  words: "FILE…",
  summary: "Read files as records of one source, also beside a running node",
  wordsMin: 1,
  wordsMax: ingestFilesMax,
  flags: {
    ...common,
    ...servers,
    source: { value: "NAME", help: "what the source is called (default the file's name)" },
    format: { value: "stix|json|ndjson|csv", help: "what the files hold (default by their name)" },
    mapping: { value: "FILE", help: "how records become entities; STIX needs none" },
    "max-bad": { value: "SHARE", help: "share of dead letters that fails it (default 0.1)" },
    rate: { value: "N", help: "records offered per second at most" },
  },
  examples: [
    "ingest --source people --format csv --mapping people.yaml people.csv",
    "ingest --source attack --format stix enterprise-attack.json.gz",
  ],
  load: () => import("./verbs/ingest.ts"),
}

const retract: Verb = {
  name: "retract",
  words: "[KEY…]",
  summary: "Take back what records of a source said, also beside a running node",
  wordsMin: 0,
  wordsMax: writeRecordsMax,
  flags: {
    ...common,
    ...servers,
    source: { value: "NAME", help: "the source whose records they are" },
    file: { value: "FILE", help: "keys of records instead, each a JSON text on a line of its own" },
  },
  examples: ["retract --source people 17 18", "retract --source people --file keys.ndjson"],
  load: () => import("./verbs/retract.ts"),
}

const query: Verb = {
  name: "query",
  words: "DOCUMENT",
  summary: "Answer a GraphQL query from the data, with or without a running node",
  wordsMin: 1,
  wordsMax: 1,
  flags: {
    ...common,
    ...graph,
    variables: { value: "JSON", help: "variables of the query" },
  },
  examples: ["query '{ stats { entities relationships } }'"],
  load: () => import("./verbs/query.ts"),
}

const changes: Verb = {
  name: "changes",
  words: "",
  summary: "Tell what changed of the entities, one line each, also while a node writes",
  wordsMin: 0,
  wordsMax: 0,
  flags: {
    ...common,
    ...graph,
    json: { help: "each change as one line of JSON, with the token to go on behind it" },
    types: { value: "A,B", help: "only entities of these types" },
    after: { value: "TOKEN", help: "what is behind this place (default all that is kept)" },
    snapshot: { help: "the entities as they are now, then what changes of them" },
    follow: { help: "go on until Ctrl-C (without --after and --snapshot: from now on)" },
    first: { value: "N", help: "end after so many changes" },
  },
  examples: ["changes --follow", "changes --json --after TOKEN", "changes --snapshot --json"],
  load: () => import("./verbs/changes.ts"),
}

const status: Verb = {
  name: "status",
  words: "",
  summary: "Counters per source, their equations, what the graph holds",
  wordsMin: 0,
  wordsMax: 0,
  flags: { ...common, ...graph, "graph-hash": { help: "with the SHA-256 of the visible graph" } },
  examples: ["status", "status --graph-hash --json"],
  load: () => import("./verbs/status.ts"),
}

const doctor: Verb = {
  name: "doctor",
  words: "",
  summary: "Check what a node stands on, each with the next step",
  wordsMin: 0,
  wordsMax: 0,
  flags: {
    "data-dir": dataDir,
    json,
    config,
    port: { value: "N", help: "the port to look at (default 4000)" },
  },
  examples: ["doctor"],
  load: () => import("./verbs/doctor.ts"),
}

const inferMapping: Verb = {
  name: "mapping infer",
  words: "FILE",
  summary: "Propose a mapping for a file, to be read and mended by a person",
  wordsMin: 1,
  wordsMax: 1,
  flags: {
    format: { value: "json|ndjson|csv", help: "what the file holds (default by its name)" },
    json,
  },
  examples: ["mapping infer people.csv > people.yaml"],
  load: () => import("./verbs/mapping-infer.ts"),
}

const listDeadLetters: Verb = {
  name: "dlq ls",
  words: "",
  summary: "List the records that were set aside",
  wordsMin: 0,
  wordsMax: 0,
  flags: {
    ...common,
    ...graph,
    source: { value: "NAME", help: "of this source only" },
    reason: { value: "CODE", help: "for this reason only" },
    first: { value: "N", help: "how many (default 20)" },
    after: { value: "CURSOR", help: "the next ones after this page" },
  },
  examples: ["dlq ls --source people --reason failed-coercion"],
  load: () => import("./verbs/dlq-ls.ts"),
}

const showDeadLetter: Verb = {
  name: "dlq show",
  words: "ID",
  summary: "Show one record that was set aside, with its bytes",
  wordsMin: 1,
  wordsMax: 1,
  flags: { ...common, ...graph },
  examples: ["dlq show ID-FROM-LS"],
  load: () => import("./verbs/dlq-show.ts"),
}

const lettersMeant: Verb["flags"] = {
  id: { value: "ID", help: "this one", repeats: true },
  source: { value: "NAME", help: "of this source", repeats: true },
  reason: { value: "CODE", help: "set aside for this reason", repeats: true },
  fingerprint: { value: "HEX", help: "with this fingerprint, or its beginning", repeats: true },
  all: { help: "all that the tenant has" },
  "dry-run": { help: "say what would be done, and do nothing" },
}

const redriveDeadLetters: Verb = {
  name: "dlq redrive",
  words: "",
  summary: "Send records that were set aside again, by the mapping of today",
  wordsMin: 0,
  wordsMax: 0,
  flags: {
    ...common,
    ...servers,
    ...lettersMeant,
    edit: { value: "FILE", help: "send the bytes of this file in place of the one letter's" },
    editor: { help: "edit the one letter's bytes in $EDITOR first" },
    format: { value: "stix|json|ndjson|csv", help: "what they are (default as configured)" },
    mapping: { value: "FILE", help: "how they become entities (default as configured)" },
  },
  examples: [
    "dlq redrive --source people --dry-run",
    "dlq redrive --fingerprint 3f9a01c2 --fingerprint 77be",
    "dlq redrive --id ID-FROM-LS --edit mended.json",
  ],
  load: () => import("./verbs/dlq-redrive.ts"),
}

const dropDeadLetters: Verb = {
  name: "dlq drop",
  words: "",
  summary: "Forget records that were set aside, for good",
  wordsMin: 0,
  wordsMax: 0,
  flags: { ...common, ...servers, ...lettersMeant },
  examples: ["dlq drop --reason invalid-json --dry-run", "dlq drop --all"],
  load: () => import("./verbs/dlq-drop.ts"),
}

const tailLog: Verb = {
  name: "log tail",
  words: "",
  summary: "Show the blocks that wait in the log, without holding them",
  wordsMin: 0,
  wordsMax: 0,
  flags: {
    ...common,
    ...nats,
    json: { help: "each block as one line of JSON" },
    partition: { value: "N", help: "of this partition of the tenant only" },
    source: { value: "NAME", help: "of this source only" },
    last: { value: "N", help: "the last so many (default 20)" },
    follow: { help: "go on with those that come, until Ctrl-C" },
  },
  examples: ["log tail", "log tail --tenant mine --partition 2 --follow --json"],
  load: () => import("./verbs/log-tail.ts"),
}

const verifyLog: Verb = {
  name: "log verify",
  words: "",
  summary: "Check every block of the log, and that the graph is not ahead of it",
  wordsMin: 0,
  wordsMax: 0,
  flags: { "data-dir": dataDir, json, config, ...servers },
  examples: ["log verify", "log verify --nats nats://127.0.0.1:4222 --json"],
  load: () => import("./verbs/log-verify.ts"),
}

const backup: Verb = {
  name: "backup",
  words: "DIR",
  summary: "Copy the data directory into a new folder, also while a node runs",
  wordsMin: 1,
  wordsMax: 1,
  flags: { "data-dir": dataDir, json, config },
  examples: ["backup ../copy"],
  load: () => import("./verbs/backup.ts"),
}

const restore: Verb = {
  name: "restore",
  words: "DIR",
  summary: "Make a data directory from a backup; refuses one that exists",
  wordsMin: 1,
  wordsMax: 1,
  flags: { "data-dir": dataDir, json, config },
  examples: ["restore ../copy --data-dir ./restored"],
  load: () => import("./verbs/restore.ts"),
}

const createToken: Verb = {
  name: "token create",
  words: "",
  summary: "Make a token and show it once, also beside a running node",
  wordsMin: 0,
  wordsMax: 0,
  flags: {
    ...common,
    tenant: { value: "NAME", help: "whose data it reaches (default demo); '*' is the operator" },
    scope: { value: "LIST", help: "read, write, operate, or several with commas" },
    expires: { value: "TIME", help: "how long it is good, such as 12h or 90d (default 90d)" },
    label: { value: "TEXT", help: "what a person knows it by" },
  },
  examples: [
    "token create --tenant demo --scope read,write --label laptop",
    "token create --tenant '*' --scope operate --expires 30d --label prometheus",
  ],
  load: () => import("./verbs/token-create.ts"),
}

const listTokens: Verb = {
  name: "token list",
  words: "",
  summary: "List tokens without their secrets, those that ended among them",
  wordsMin: 0,
  wordsMax: 0,
  flags: {
    "data-dir": dataDir,
    tenant: { value: "NAME", help: "of this tenant only" },
    json,
    config,
  },
  examples: ["token list"],
  load: () => import("./verbs/token-list.ts"),
}

const revokeToken: Verb = {
  name: "token revoke",
  words: "ID",
  summary: "End a token at once, with the sockets that it opened",
  wordsMin: 1,
  wordsMax: 1,
  flags: { "data-dir": dataDir, json, config },
  examples: ["token revoke ID-FROM-LIST"],
  load: () => import("./verbs/token-revoke.ts"),
}

const audit: Verb = {
  name: "audit",
  words: "",
  summary: "List who did what, the newest first",
  wordsMin: 0,
  wordsMax: 0,
  flags: {
    "data-dir": dataDir,
    tenant: { value: "NAME", help: "of this tenant only; '*' is the node" },
    first: { value: "N", help: "how many (default 20)" },
    json,
    config,
  },
  examples: ["audit --tenant demo --first 100"],
  load: () => import("./verbs/audit.ts"),
}

const checkConfiguration: Verb = {
  name: "config check",
  words: "[FILE]",
  summary: "Check a configuration and show what holds, and where each value comes from",
  wordsMin: 0,
  wordsMax: 1,
  flags: { ...common, ...servers },
  examples: ["config check", "config check other.yaml --json"],
  load: () => import("./verbs/config-check.ts"),
}

export const verbs: readonly Verb[] = [
  start,
  ingest,
  retract,
  query,
  changes,
  status,
  doctor,
  inferMapping,
  listDeadLetters,
  showDeadLetter,
  redriveDeadLetters,
  dropDeadLetters,
  tailLog,
  verifyLog,
  backup,
  restore,
  createToken,
  listTokens,
  revokeToken,
  audit,
  checkConfiguration,
  ...clusterVerbs,
]
