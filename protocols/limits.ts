/**
 * Every bound of IntelGraph, in one place. Units come last in a name. A bound that is nowhere in
 * this file does not exist: code that needs one adds it here, with the reason for the figure.
 */

/** Events in a block: one broker message stands for up to this many records (architecture D4). */
export const blockEventsMax = 512
/** Bytes of records in a block. A record larger than this travels alone. */
export const blockBytesMax = 512 * 1024
/**
 * A larger record becomes a dead letter: with its header it would pass the broker's 1 MiB
 * payload.
 */
export const recordBytesMax = 768 * 1024
/** A block is sent at most this long after its first record. */
export const blockLingerMillis = 20

/** Partitions of a tenant, when it does not say otherwise, and at most. */
export const partitionsDefault = 4
export const partitionsMax = 64
/** Shards of a cluster: fixed when the cluster, or the data directory, is made. */
export const shardCount = 64

/** Blocks that a partition's durable mailbox holds before it refuses (`MailboxFull`). */
export const partitionMailboxBlocksMax = 16
/** Bytes of the whole log before it refuses everybody (`LogFull`). */
export const logBytesMax = 8 * 1024 ** 3
/** Sender chains that the log remembers; the longest silent are forgotten first. */
export const logChainsMax = 100_000
/**
 * Blocks of a sender whose places the log remembers after they are gone, so that a repeat is
 * known.
 */
export const chainReceiptsMax = 16
/** Bytes of appended blocks that the log keeps in memory until they are pulled. */
export const appendedBytesHeldMax = 32 * 1024 ** 2
/** What one transaction of the log takes at most: a commit of this size stays below 20 ms. */
export const logCommitOperationsMax = 256
export const logCommitBytesMax = 4 * 1024 ** 2
/**
 * Calls of the log and the state that may wait for a transaction; further ones are `Unavailable`.
 */
export const logCallsWaitingMax = 65_536
/** A record of the actor state: a parked block with its name is the largest. */
export const stateValueBytesMax = 1024 ** 2
/** Records that one fenced group writes, and that one page lists. */
export const stateGroupEntriesMax = 1000
/** Bytes of all names of a record's path. */
export const statePathBytesMax = 2048
/** Bytes of all records of the actor state; with the log's bound it bounds the file. */
export const stateBytesMax = 8 * 1024 ** 3
/** Pages that a backup copies before it lets other work run. */
export const backupPagesPerStep = 1024
/** How long a statement waits for a lock of another process on the same file. */
export const fileLockMillisMax = 5_000
/** Bytes of pulled and not yet acknowledged blocks that a node holds. */
export const pulledBytesMax = 64 * 1024 ** 2
/** Bytes that one pull of a shard asks for: all shards together ask for as much as may be held. */
export const pullBytesMax = 1024 ** 2
/** Blocks that a sink lets one partition have in flight. */
export const sinkCreditBlocks = 8
/** Records that the graph sink puts into one transaction; measured best near 4,096 (D2). */
export const commitRecordsMax = 4096
/** Parked blocks that a partition may have. */
export const parkedBlocksMax = 1024
/** Parked blocks that are listed at once at takeover: a page brings their bytes along. */
export const parkedPageMax = 16
/**
 * A partition whose sink has taken nothing for this long, while others find no room for a block,
 * has its blocks parked.
 */
export const stalledMillis = 1_000

/** A waiting sender tries again after a time drawn between these. */
export const retryMillisMin = 1
export const retryMillisMax = 250

/** Volatile mailbox of an actor that does not say otherwise. */
export const mailboxDepthMaxDefault = 1024
export const mailboxBytesMaxDefault = 16 * 1024 ** 2
/** What a message counts for where its actor type does not say. */
export const messageBytesEstimate = 256
/** Turns of one actor under way at once, where its type allows more than one. */
export const turnConcurrencyMax = 1024
/** Messages that wait beside a full mailbox with the overflow policy `park`. */
export const parkedMessagesMax = 1024
/** Senders that wait for credit of one mailbox with the overflow policy `wait`. */
export const waitingSendersMax = 1024
/** Rings that idle mailboxes gave back, kept per size; what is more is left to the collector. */
export const ringsKeptMax = 1024
/** Asks of a node that wait for their answers. */
export const asksOpenMax = 262_144
/** Effects that one actor may have piped to itself and not yet got back. */
export const actorPipesMax = 1024
/** Virtual actors of one type in memory, and one's idle time until it is passivated. */
export const virtualActorsMax = 2_000_000
export const passivateIdleMillisDefault = 300_000
/** Actors that the idle sweep looks at before the host may run other work. */
export const passivateStepMax = 2048
/** State of passive actors in memory: of one, and together; an actor that finds no room stays. */
export const passiveStateBytesMax = 64 * 1024 - 1
export const passiveBytesMax = 512 * 1024 ** 2
/** Virtual actors in trouble that a view of their type lists one by one. */
export const viewTroubledMax = 256
/** The control lane: small, never used by data, handled first. */
export const controlDepthMax = 64
/** Messages that an actor may put aside before it must handle or refuse. */
export const stashDepthMax = 1024
/** Messages that one actor handles before the next has its turn. */
export const turnBatchMax = 64
/** Messages that the dispatcher handles before the host may run other work. */
export const dispatchBudgetMax = 4096
/** Timers of one actor. */
export const actorTimersMax = 64
/** Watchers of one actor, and actors that one watches: the root watches tenants (`tenantsMax`). */
export const watchMax = 2 ** 17
/** Dead letters of the runtime (not of sources) kept for a look; older ones are only counted. */
export const deadLettersKeptMax = 1024
/** Bytes of kept dead letters together, and reasons that are counted apart. */
export const deadLettersKeptBytesMax = 16 * 1024 ** 2
export const deadLetterReasonsMax = 64
/** A message may wait for its answer this long, unless the asker says otherwise, and at most. */
export const askMillisDefault = 5_000
export const askMillisMax = 300_000

/** Restarts allowed to a supervisor's children within the period, before it gives up. */
export const restartIntensityDefault = 10
export const restartPeriodMillisDefault = 60_000
export const restartBackoffMillisMin = 10
export const restartBackoffMillisMax = 10_000
/** Failures of one record before it goes to the dead letters. */
export const poisonFailuresMax = 3
/**
 * Restarts of a partition within `restartPeriodMillisDefault` for records that fail; further
 * failures are counted within the turn. Below `restartIntensityDefault`, so that records alone
 * never bring a partition into quarantine, however many of a source are poison.
 */
export const poisonRestartsMax = 6
/** An actor that has not ended by then is cut off from its mailbox and counted. */
export const shutdownMillisMax = 10_000

/** Bytes read from a source at once. */
export const sourceChunkBytes = 256 * 1024
/** Bytes of a source from which its layout is told: its CSV header, its array, its first record. */
export const sourceHeadBytes = 1024 ** 2
/** Decompression stops where output passes this many times the input (a gzip bomb). */
export const inflateRatioMax = 200
/** The ratio is judged from here on: a small file of zeros is not an attack. */
export const inflateRatioFreeBytes = 1024 ** 2
export const inflateBytesMax = 16 * 1024 ** 3
/** Nesting of a JSON record. */
export const jsonDepthMax = 128
/** CSV columns. */
export const csvColumnsMax = 4096
/** Bytes of a dead letter that are kept; its length and SHA-256 are kept in full. */
export const deadLetterBytesMax = 64 * 1024
/** Dead letters kept per tenant; further ones are counted and their bytes dropped. */
export const deadLettersPerTenantMax = 100_000
/** Share of dead letters that fails an `ingest`, and from how many records on it is judged. */
export const maxBadShareDefault = 0.1
export const maxBadJudgedFromRecords = 1000

/** Bytes of an entity's key, an alias value, a discriminator. */
export const keyBytesMax = 1024
/** Bytes of a type, a relationship's type, a scheme, a property's name. */
export const nameBytesMax = 256
/** Properties of one assertion, and members of one list property. */
export const propertiesMax = 1024
export const listPropertyMax = 16_384
/** Entities and relationships that one record may assert. */
export const assertionsPerRecordMax = 16_384
/**
 * Bytes of what one record asserts: so many, and so many more for each of its own, each assertion
 * counted with so many beside its texts. A block then makes at most 40 MiB of 512 KiB.
 */
export const assertionBytesMax = 64 * 1024
export const assertionBytesPerByteMax = 16
export const assertionBytesEstimate = 64

/** Mapping and configuration files. */
export const documentBytesMax = 1024 ** 2
export const documentDepthMax = 32
/** Files that `mapping infer` looks at, and records of it. */
export const inferRecordsMax = 1000
/** Fields that a proposed mapping names. */
export const inferFieldsMax = 200
/** Concurrent connectors of one tenant. */
export const connectorsMax = 64
/** Tenants whose sources are read together when a node starts. */
export const tenantsReadMax = 16
/**
 * Files that these tenants read at once, each its part: a reading holds a read buffer and at most
 * two blocks for each partition, which is 4 MiB of 4 partitions. Whoever follows what another node
 * reads does not count.
 */
export const filesReadMax = 64
/** Ingests of one tenant under way or waiting; a command brings `ingestFilesMax` at most. */
export const ingestsWaitingMax = 20_000
/** Sources of a tenant whose last progress is shown. */
export const sourcesShownMax = 1024
/** Files in one `ingest`. */
export const ingestFilesMax = 10_000

/** Reads. */
export const pageSizeDefault = 50
export const pageSizeMax = 500
export const neighborsHopsMax = 3
export const neighborsNodesPerHopMax = 1_000
export const pathHopsMax = 6
/** Entities that a search for a path may touch before it gives up and says so. */
export const pathVisitedMax = 200_000
export const rankStepsMax = 4
export const searchTextBytesMax = 256

/** The edge. */
export const httpBodyBytesMax = 256 * 1024
export const httpHeaderBytesMax = 16 * 1024
/** Open connections, sockets and streams among them; an idle one holds about 20 KiB. */
export const httpConnectionsMax = 4_096
export const httpRequestMillisMax = 30_000
export const queryTokensMax = 2_000
export const queryDepthMax = 12
export const queryAliasesMax = 50
/**
 * Rows that one GraphQL answer may hold, from the page sizes asked for, before anything is read.
 */
export const queryRowsMax = 20_000
/** Fields of one GraphQL request that may search widely: rank, path, neighbors, filters, … */
export const queryScansMax = 8
/** Values of an `in` filter, and of other lists in an argument. */
export const queryListMax = 500
/** A GraphQL request that takes longer is given up between two reads. */
export const queryMillisMax = 10_000
/** Characters of one GraphQL answer. */
export const queryAnswerLengthMax = 32 * 1024 ** 2
/** Errors that one GraphQL answer shows; the first ones. */
export const queryErrorsShownMax = 20
/** Parsed documents that the edge keeps, and characters of one that is kept. */
export const documentCacheMax = 500
export const documentCachedLengthMax = 8 * 1024
/** Characters of all kept documents together: each takes about 130 bytes in memory. */
export const documentsCachedLengthMax = 256 * 1024
/** Variables that `@skip` and `@include` ask of a compiled document: each combination is a plan. */
export const planConditionsMax = 4
/**
 * Fields of all plans of an operation together, each about 400 bytes: fragments and conditions make
 * many of few characters.
 */
export const planFieldsMax = 1_024
/** Characters of a text that a plan remembers until the next one of its field. */
export const textRememberedLengthMax = 64
/** Different `Accept` headers whose meaning is remembered. */
export const acceptsKeptMax = 64
/**
 * Answers that the edge keeps while nothing is committed for their tenant, their characters all
 * together and of one; the longest unused are forgotten first.
 */
export const answersKeptMax = 2_000
export const answersKeptLengthMax = 16 * 1024 ** 2
export const answerKeptLengthMax = 256 * 1024
/**
 * Persisted documents that a tenant's clients may leave with a node, their characters all together,
 * and tenants that may: what is forgotten is sent again by the client.
 */
export const persistedDocumentsMax = 200
export const persistedLengthMax = 256 * 1024
export const persistedTenantsMax = 256
/** Bytes of a manifest of persisted documents, and documents in it. */
export const manifestBytesMax = 8 * 1024 ** 2
export const manifestDocumentsMax = 5_000
/** Characters of a path with its query string, by which a GET carries a document. */
export const httpUrlLengthMax = 8 * 1024
/** Headers of one request. */
export const httpHeadersMax = 64
/** An idle connection is closed after this long. */
export const httpIdleMillisMax = 65_000

/** The change feed: how long, and how many changes of a tenant, are kept; and read at once. */
export const changesKeptMillisMax = 7 * 24 * 3_600_000
export const changesKeptMax = 1_000_000
export const changesPageMax = 500
/** Changes that one page looks at for those of its types; it then ends early and says so. */
export const changesLookedMax = 20_000
/** Changes that one stored row holds at most: the unit in which old ones are let go. */
export const changesPerRowMax = 1_000
/** Rows of old changes that one commit lets go, beside as many as it writes. */
export const changeRowsTrimmedMax = 4
/** How often `intelgraph changes --follow` looks at the file that another process writes. */
export const changesLookMillis = 200
/** Characters of a resume token: 64 partitions of any sequence take less. */
export const resumeTokenLengthMax = 1_024

/**
 * Subscriptions. Open sockets and streams of a node and of one token: each holds about 30 KiB, and
 * the edge's connections are more than these, so that queries still find room.
 */
export const liveSocketsMax = 2_048
export const liveSocketsPerTokenMax = 1_024
/** Operations under way on one socket, and subscriptions of the node. */
export const liveOperationsPerSocketMax = 64
export const liveSubscriptionsMax = 16_384
/** Different subscriptions of a tenant: each is executed once for every change. */
export const liveGroupsPerTenantMax = 256
/** Bytes of one message from a client. */
export const liveMessageBytesMax = 256 * 1024
/** Characters of an operation's id, which stands before each of its events. */
export const liveOperationIdLengthMax = 128
/** How long a socket may stay without `connection_init`. */
export const liveInitMillisMax = 3_000
/** Rows that one event may hold, from the page sizes asked for; and characters of one event. */
export const liveEventRowsMax = 1_000
export const liveEventLengthMax = 1024 ** 2
/**
 * What waits for one socket to take it, in bytes and in messages; a subscriber behind more is read
 * from the feed when the socket has taken all.
 */
export const subscriberWaitingBytesMax = 1024 ** 2
export const subscriberWaitingMessagesMax = 1_024
/** A socket that has not taken what waits for it in this time is closed. */
export const subscriberStallMillisMax = 30_000
/** Changes, bytes and time of one turn of sending, until others may run. */
export const liveTurnChangesMax = 64
export const liveTurnBytesMax = 256 * 1024
export const liveTurnMillisMax = 4
/** A socket that nothing was heard of for two of these is ended. */
export const liveHeartbeatMillis = 15_000
/** How long a closed socket may take to say so too. */
export const liveCloseMillisMax = 2_000
/** How often actors and connectors are looked at while somebody subscribes to them. */
export const liveSampleMillis = 250

/** Bytes of the key that a client chooses for a write, so that a repeat is known. */
export const idempotencyKeyBytesMax = 128
/** How long the answer to a write waits for its commit. */
export const receiptWaitMillisDefault = 5_000
export const receiptWaitMillisMax = 20_000
/** Problems of single records that a receipt names. */
export const receiptProblemsMax = 100
/** Records, or record keys, that one mutation brings; an upload brings any number. */
export const writeRecordsMax = 10_000
/** How long, and how many receipts of a tenant, are kept; and old ones let go with each new one. */
export const receiptsKeptMillisMax = 7 * 24 * 3_600_000
export const receiptsKeptMax = 10_000
export const receiptsTrimmedPerWrite = 2
/**
 * A write that is not over when it is this old and `receiptsKeptMax` newer ones were taken is given
 * up with its bytes, wherever they are: the node that had them was away as long. Until then that
 * many of a tenant are remembered; with more, receipts are kept beyond their number.
 */
export const receiptsWaitMillisMax = 30 * 24 * 3_600_000
export const receiptsPassedMax = 4_096
/** Writes of one tenant that arrive or are not finished, and their bytes; and the bytes of all. */
export const spoolWritesPerTenantMax = 1_000
/** Of them to one source: the others of its tenant find room while it is slow. */
export const spoolWritesPerSourceMax = 500
export const spoolBytesPerTenantMax = 4 * 1024 ** 3
export const spoolBytesMax = 16 * 1024 ** 3
/** Bytes of one upload as it is sent, compressed where it is. */
export const uploadBytesMax = 1024 ** 3
/** Uploads of one tenant, and of a node, that arrive at the same time. */
export const uploadsPerTenantMax = 4
export const uploadsMax = 64
/** An upload that brings nothing for this long, or is not whole after this long, is given up. */
export const uploadStallMillisMax = 30_000
export const uploadMillisMax = 3_600_000
/** How long what a refused request still sends is read and dropped, so that its answer arrives. */
export const requestLingerMillisMax = 2_000
/** So soon after the one before, an answer waits for the end of the event loop's turn. */
export const answersNearMillis = 0.25
/** Once the first of them has waited so long, the next one takes them all with it. */
export const answerHeldMillisMax = 1
/** So long none waits, once the end of a turn was that far behind its last answer. */
export const answersApartMillis = 100
/** How often an upload that asked for progress is told. */
export const uploadTellMillis = 250

/** Smaller files are sent as they are: compressed they would be no smaller on the wire. */
export const compressedBytesMin = 1_024
/** The page. Changes that it keeps to show, and how often it draws what arrives. */
export const pageChangesKeptMax = 200
export const pageDrawMillis = 250
/** How often it asks where the node speaks no WebSocket; half of what feels like waiting. */
export const pagePollMillis = 2_000
/** The longest wait before it connects again. */
export const pageReconnectMillisMax = 5_000
/** Entities drawn in one graph: more cannot be told apart, and the list has all of them. */
export const pageGraphEntitiesMax = 400
/** Rows of a graph's side before members stand behind a "more", and how many that adds. */
export const pageGraphRowsMax = 22
export const pageGraphMoreMax = 20
/** Entities that a search box ranks, and that it shows. */
export const pageRankedMax = 200
export const pageSuggestedMax = 10
/** Rows that lists of the page ask for at once. */
export const pageRowsMax = 50
/** Records of one entity that are shown at once: thousands may speak of one. */
export const pageRecordsMax = 20
/** Rows of the tree of actors that are drawn; more are counted. */
export const pageActorsMax = 500
/** Bytes of a dead letter that are shown. */
export const pageBytesShownMax = 2_048

/** Access: tokens that a data directory keeps, those that ended included. */
export const tokensMax = 10_000
/** Letters of a token's id, 60 bits: no two are the same by chance. */
export const tokenIdLength = 12
/** Bytes of a token's secret, and characters of what a person calls it. */
export const tokenSecretBytes = 32
export const tokenLabelLengthMax = 64
/** How long a token is good, unless told otherwise, and at least and at most. */
export const tokenMillisDefault = 90 * 24 * 3_600_000
export const tokenMillisMin = 1_000
export const tokenMillisMax = 366 * 24 * 3_600_000
/** How often it is looked whether an access that is watched has expired: four times a second. */
export const accessSweepMillis = 250
/**
 * Rows of audit that are kept, about 10 MB. Beyond it this many fall away at once, the oldest of
 * the tenant and outcome that has most of them, so that nobody pushes out the rows of others.
 */
export const auditRowsMax = 100_000
export const auditRowsPerTrim = 1_000
/** Rows of audit are written together: this many, or what there is after this long. */
export const auditRowsPerWrite = 256
export const auditLingerMillis = 100
/** Characters that a row of audit keeps of what was done. */
export const auditWhatLengthMax = 200
/** Rows that `audit` shows unless told otherwise, and at most. */
export const auditShownDefault = 20
export const auditShownMax = 1_000
/** Hosts and origins that a configuration lists. */
export const edgeNamesMax = 64
/** Bytes of a file with a certificate or key, and how often it is looked whether they changed. */
export const certificateBytesMax = 256 * 1024
export const certificateLookMillis = 10_000
/** How long what was let in without a token may take to end when the first token is made. */
export const openEndMillisMax = 500
/** Connections of one client address that is not this machine: a browser opens six. */
export const httpConnectionsPerClientMax = 128
/** How long a client may take to say its headers, and to agree on TLS. */
export const httpHeadersMillisMax = 10_000
export const httpHandshakeMillisMax = 10_000
/** How long a browser may remember that a page of another origin may ask. */
export const corsSecondsKept = 600

/** Telemetry. Series of one metric; further ones are counted together under `other`. */
export const metricSeriesMax = 512
/** Characters of a metric label, a span attribute, and of one log line. */
export const metricLabelLengthMax = 128
export const logLineLengthMax = 8 * 1024
/** One turn in this many has a span, unless configured; and spans kept until they are exported. */
export const turnSpanEvery = 1024
export const spansQueuedMax = 2048
export const spansPerExportMax = 512
export const spanExportMillisMax = 10_000
/** Bytes that one process writes to a file of spans. */
export const spanFileBytesMax = 64 * 1024 ** 2
export const logLinesPerSecondMax = 200
/** How finely the delay of the event loop is measured. */
export const eventLoopResolutionMillis = 10
/** Characters of a unix socket's path; longer ones move to the temporary folder. */
export const socketPathBytesMax = 100
/** Bytes of one request or answer on the node's own socket. */
export const socketFrameBytesMax = 16 * 1024 ** 2
/** Recipes (format and mapping) that a node keeps ready; others are read from the state again. */
export const recipesCachedMax = 256
/** How often at most a connector looks at what is committed of its run. */
export const countMillis = 50
/** A store that has not answered such a look for so long is asked again: it may be gone. */
export const lookMillisMax = 30_000
/** How often a drain looks whether everything is committed. */
export const drainPollMillis = 10

/** Bytes of a path in a configuration. */
export const pathBytesMax = 4096
/** Tenants that one configuration may name; more come by themselves with their data. */
export const tenantsConfiguredMax = 1024
/** The highest pace that a connector can be told to keep; above it nothing is shaped. */
export const recordsPerSecondMax = 10_000_000
/** Bytes of a query or its variables given on the command line. */
export const argumentBytesMax = 256 * 1024
/** The first Ctrl-C lets what was admitted finish for at most this long. */
export const drainMillisMax = 10_000
/** How often progress is drawn on a terminal, and how often it is told elsewhere. */
export const progressDrawMillis = 200
export const progressTellMillis = 2_000
/** Connections to the node's own socket at once, and how long one may take to say what it wants. */
export const socketConnectionsMax = 16
export const socketRequestMillisMax = 5_000
/** The request line on the node's own socket. */
export const socketRequestBytesMax = 256 * 1024
/** Free space below which `doctor` warns. */
export const diskFreeBytesLow = 1024 ** 3
/** Dead letters that `dlq ls` shows unless told otherwise. */
export const deadLettersShownDefault = 20
/** Names in one sentence for a person: tenants, files that cannot be read. */
export const namesToldMax = 20
/** Bytes of a file's beginning in which the `type` of a STIX bundle is looked for. */
export const bundleHeadBytes = 4096

/** The embedded graph store. */
/** Page cache of the writing connection. */
export const graphCacheKibibytes = 16 * 1024
/** Pages of write-ahead log after which they are moved into the database. */
export const graphCheckpointPages = 4_000
/** Bytes to which the write-ahead log is cut after that. */
export const graphWalBytesKept = 64 * 1024 ** 2
/** A connection waits this long for another process's lock before it is `Unavailable`. */
export const storeBusyMillisMax = 5_000
/** Requests that the writer's thread holds; further ones wait with their caller. */
export const commitsQueuedMax = 8
/** Young generation of other writers' threads: small, so that the node's memory stays flat. */
export const writerYoungMebibytes = 8
/**
 * A writer's thread that has not closed its store so long after it was asked to is ended: longer
 * than a transaction may take (`neo4jTransactionMillisMax`).
 */
export const writerCloseMillisMax = 130_000
/** Tenants of one store, and entities of one tenant: the two halves of a node's number. */
export const tenantsMax = 2 ** 16
export const nodesPerTenantMax = 2 ** 36
/** Names of tenants, sources and types whose numbers the writer, or a reader, remembers. */
export const internedNamesMax = 10_000
/** Characters of one entity that text search looks at. */
export const searchedCharactersMax = 16 * 1024
/**
 * Rows that one page of a filter looks at; it then ends with what was found and says there is more.
 */
export const filteredRowsMax = 50_000
/** Characters of a wanted text by which the text index narrows a filter. */
export const filterPhraseCharactersMax = 200
/** Words of a search, and entities that it may match before it is to be narrowed. */
export const searchWordsMax = 16
export const searchedMatchesMax = 100_000
/** Bytes of all dead letters of a tenant; further ones are kept without theirs. */
export const deadLetterBytesPerTenantMax = 256 * 1024 ** 2
/** Relationships of one neighbourhood. */
export const neighborsRelationshipsMax = 10_000
/** Relationships looked at, per direction, at one entity on the way. */
export const edgesPerNodeScannedMax = 100_000
/** Relationships looked at by one search, whatever way it goes: about half a second. */
export const neighborsEdgesScannedMax = 200_000
export const pathEdgesScannedMax = 500_000
/** Relationships that one ranking follows, and after how many it lets others run. */
export const rankEdgesScannedMax = 2_000_000
export const rankEdgesPerTurn = 10_000
/** Entities held of those that tie with the last one that a ranking shows. */
export const rankTiesHeldMax = 1_000
/** Long reads of one store that wait for the one under way; further ones are `Unavailable`. */
export const longReadsWaitingMax = 32
/** Rows that the graph hash reads before others may run. */
export const hashRowsPerTurn = 2_000

/** The Postgres graph store. */
/** Connections that the reads of one process hold, and reads that wait for one of them. */
export const postgresReadersMax = 8
export const postgresReadsWaitingMax = 1_024
/** How long a connection may take to be made. */
export const postgresConnectMillisMax = 5_000
/**
 * The server ends a transaction whose writer says nothing for this long: a paused node lets go of
 * its guards before its lease is over.
 */
export const postgresIdleMillisMax = 2_500
/** How long a statement waits for another writer: longer than a silent one can hold it up. */
export const postgresLockMillisMax = 4_000
/** How long one statement may run before it is given up. */
export const postgresStatementMillisMax = 60_000
/** How long an answer is waited for: longer than the server may take for a statement. */
export const postgresAnswerMillisMax = 65_000
/** How long a server may take to see a connection end; then it is left without that. */
export const postgresEndMillisMax = 1_000
/** Times that a transaction which met another one is tried again, and how long it waits first. */
export const postgresRetriesMax = 8
export const postgresRetryMillisMin = 5
export const postgresRetryMillisMax = 50
/** Numbers of rows that a writer takes at once: more than one transaction can need. */
export const postgresNumbersTaken = 2 ** 24
/** Characters of a word that the text index tells apart. */
export const postgresWordLengthMax = 64
/** Rows of a page that a filter looks at together, and of a cursor. */
export const postgresRowsFetched = 2_000
/** Rows of old changes that one transaction may let go. */
export const postgresTrimmedMax = 64
/** New records after which a writer has the tables looked at; then after four times as many. */
export const postgresAnalyzedAfter = 2_000

/** Placement of shards on nodes. */
/** Nodes of a cluster that are known at once: with more, most of them would own nothing. */
export const nodesMax = 64
/** The highest weight of a node: the part of the shards that it takes goes by it. */
export const nodeWeightMax = 100
export const nodeWeightDefault = 1
/** By so much a node's share may pass its part by weight: with less, more moves at each join. */
export const shardShareSlack = 0.1
/**
 * How long an entry of the register stands unless it is renewed. A node that dies is missed at most
 * this long, and one that stands still for less than this loses nothing.
 */
export const leaseMillis = 3_000
export const leaseRenewMillis = 1_000
/**
 * A lease that was not confirmed for this much longer is given up for lost by its holder. Servers
 * that replicate take 4 to 9 s to agree on a new leader, and nobody renews or takes one meanwhile.
 */
export const leaseGraceMillis = 9_000
/** How long an answer of the register is waited for, and until it is asked again. */
export const registerMillisMax = 2_000
export const registerRetryMillis = 250
/** How long a node that ends waits until its leases are given back; else they expire. */
export const leaveMillisMax = 3_000
/** A connector of a source that another node reads looks this often how far that one is. */
export const followMillis = 1_000
/** Looks before a file that was handed to a node is given up: the source may be on its way. */
export const followLooksMin = 5
/** Bytes of the register: 64 shards and as many nodes, with what the server adds to each. */
export const registerBytesMax = 4 * 1024 ** 2
/** How long the mark of an entry that vanished stays, for watches that were away meanwhile. */
export const registerMarkSeconds = 60
/**
 * A watch on the register shows this often that it is there, is begun anew after this silence, and
 * is forgotten by the server when nobody has listened for the longest time.
 */
export const watchHeartbeatMillis = 500
export const watchSilenceMillisMax = 2_000
export const watchIdleMillisMax = 30_000
/** How long another process of one's own name may be there before this one gives up. */
export const rivalMillisMax = 10_000
/** Nodes that come count once none came for this long, or after the longer time. */
export const joinDebounceMillis = 2_000
export const joinDebounceMillisMax = 10_000
/** A free shard is left this long to each node that should take it before this one does. */
export const takePatienceMillis = 2_000
/**
 * How long a node must have been here to take at once what one that vanishes leaves, where nobody
 * counts yet. A register that was away forgets everybody, one alone within this time of its first
 * answer; replicas may take 2.25 s, and what their live nodes lose then is theirs no more.
 */
export const forgottenMillisMax = 500
/**
 * Shards that a node takes over at the same time, and how long one takeover may take. All of them:
 * what they ask of log and stores they ask together, and whoever waits for a turn has no owner.
 */
export const shardsOpenedAtOnceMax = shardCount
export const openMillisMax = 10_000
/** Attempts at a takeover before its lease is given back, and the first wait between them. */
export const openTriesMax = 3
export const openRetryMillis = 250
/** How long a node whose takeovers fail is asked last: each time twice as long, until one works. */
export const troubleMillisMin = 5_000
export const troubleMillisMax = 60_000
/** Shards that a node hands over at the same time, and how long it waits for each new owner. */
export const shardsGivenAtOnceMax = 1
export const handOverMillisMax = 5_000
/** A node that drains goes after this long, whoever has taken over. */
export const handOverAllMillisMax = 120_000

/** The log on JetStream. The least level of its API: atomic batches came with server 2.12. */
export const jetStreamApiLevelMin = 2
/** How long an answer of the server is waited for; what has none by then is unknown. */
export const natsRequestMillisMax = 5_000
/** How often it is looked which requests have no answer in time. */
export const natsLookMillis = 100
/** How long the servers may take to agree on a consumer or a stream, or on who leads them. */
export const natsMakeMillisMax = 15_000
/** How long a question to who leads all servers waits: it may be dropped, so it is asked again. */
export const streamMakeMillisMax = 2_000
/**
 * How long a look for a stream waits that another node is having made, and the time between two:
 * nobody answers for it before it has a leader.
 */
export const streamAskMillisMax = 1_000
export const streamRetryMillis = 50
export const natsConnectMillisMax = 10_000
/** A connection that leaves two of these unanswered is dead; a lost one is tried again so often. */
export const natsPingMillis = 2_000
export const natsReconnectMillis = 250
/** Requests of one call that are under way at once: of a list, of the tails. */
export const natsRequestsAtOnceMax = 32
/** Of more shards together it is not asked one by one what they hold, but of all there are. */
export const shardsAskedAloneMax = 4
/** From so many answers under way on, requests wait so long for others that leave with them. */
export const natsGatherFrom = 32
export const natsGatherMillis = 1
/** So many, or so many bytes, leave without waiting for more. Data as large is not joined. */
export const natsGatheredMessagesMax = 16
export const natsGatheredBytesMax = 32 * 1024
/** A message up to this size gets its memory at once; a NATS server takes 1 MiB by default. */
export const natsWholeBytesMax = 8 * 1024 ** 2
/** A shard's acknowledgements that follow each other wait so long for more. */
export const acknowledgeGatherMillis = 4
/** Bytes of the streams for mailboxes, state and control: a server reserves them on its disk. */
export const streamBlocksBytesMax = 2 * 1024 ** 3
export const streamStateBytesMax = 2 * 1024 ** 3
export const streamControlBytesMax = 64 * 1024 ** 2
/** Consumers of the stream for mailboxes: one per shard, with room for those of other releases. */
export const streamConsumersMax = 4 * shardCount
/** How long the server itself knows a block's id; after that the sender's record does. */
export const duplicateWindowMillis = 30_000
/** A delivered block that is not acknowledged for this long is delivered again. */
export const deliveredMillisMax = 60_000
/** What one request for blocks asks for, how long it stands, and how often it shows it does. */
export const pullRequestBlocksMax = 256
export const pullRequestBytesMin = blockBytesMax * 2
export const pullRequestMillis = 5_000
export const pullHeartbeatMillis = 1_000
/** How long a pull that has a block waits for others that are known to be on their way. */
export const pullGatherMillisMax = 1_000
/** How long the word that a consumer is deleted is waited for, until it is seen whether it is. */
export const consumerDeletedMillisMax = 500
/** How often a reader looks for consumers that a lower epoch left or a higher one made. */
export const consumerSweepMillis = 2_000
/**
 * How long an acknowledgement waits until a replicated stream has removed its block: three servers
 * on two busy cores take more than a second now and then.
 */
export const removalMillisMax = 5_000
export const removalLookMillis = 2
/** Looks that are taken before the log is said to have lost a block, and the time between them. */
export const damageLooksMax = 5
export const damageLookMillis = 200
/** Names of senders whose tokens are remembered: each is a hash that a block needs often. */
export const senderTokensHeldMax = 8_192
/** Chains that a process remembers as a sender, and as a reader of one shard. */
export const senderChainsHeldMax = 8_192
export const readerChainsHeldMax = 4_096
/** Starts of one sender to one partition whose records are kept. */
export const senderStartsKeptMax = 4
/** Bytes of a state record in one message of 1 MiB at most; the rest goes into a second one. */
export const stateMessageBytesMax = 896 * 1024
/** How long the mark of a removed record stays. */
export const stateMarkSeconds = 5
/** A block's hash is kept from this size on: below it, hashing anew costs as much as keeping. */
export const hashKeptBytesMin = 16 * 1024
/** Messages of one atomic batch, as the servers allow, and bytes that are put into one. */
export const batchMessagesMax = 1_000
export const batchBytesMax = 4 * 1024 ** 2
/** Tries of a fenced write that another one in flight holds up, and the time between them. */
export const fencedTriesMax = 50
export const fencedRetryMillis = 5
/** Names of a state path that are tokens of its subject; those below become one. */
export const stateSubjectNamesMax = 8
/** A shard's actors that have not stopped by then do not hold up its next owner any longer. */
export const closeMillisMax = 10_000

/** The Neo4j graph store. */
export const neo4jConnectMillisMax = 5_000
/** Connections to the server, of each of a process's three: its writer, its guards, its readers. */
export const neo4jConnectionsMax = 16
/**
 * The server ends a transaction that takes longer, whatever its writer does. A new owner need not
 * wait for that; a server that has just begun plans each statement first, which takes seconds.
 */
export const neo4jTransactionMillisMax = 120_000
export const neo4jReadMillisMax = 60_000
/** Times that a transaction which met another one is tried again, and how long it waits first. */
export const neo4jRetriesMax = 8
export const neo4jRetryMillisMin = 5
export const neo4jRetryMillisMax = 50
/** Numbers of rows that a writer takes at once: more than one transaction can need. */
export const neo4jNumbersTaken = 2 ** 24
/** Rows that one statement brings or writes. */
export const neo4jRowsPerStatement = 5_000
/**
 * Young generation of the thread that writes to Neo4j. Rows of a transaction live about as long as
 * it: in less than what a large one allocates they are copied twice before they are gone.
 */
export const neo4jYoungMebibytes = 64
/** So much of what a writer sends in one turn of its event loop leaves at once. */
export const neo4jBytesTogether = 64 * 1024
/** From so many rows on, a writer looks for half of them over a second connection. */
export const neo4jRowsBesideMin = 512
/**
 * Types whose names become labels and relationship types. The server never forgets such a name, and
 * has 2^16 relationship types.
 */
export const neo4jTypesNamedMax = 4_096
/** Times that a read begins anew because of a commit, before it keeps writers out instead. */
export const neo4jReadsAgainMax = 3
/** Rows of old changes that one transaction may let go. */
export const neo4jTrimmedMax = 64
/** How often a process looks whether others have changed what somebody here watches. */
export const neo4jWatchMillis = 250
/** Reads under way at once, those that wait for a connection among them. */
export const neo4jReadsMax = 1_000
/** How long opening a store waits for its indexes to be filled. */
export const neo4jIndexesMillisMax = 60_000
/** Characters of a word that a text index without rules of its own tells apart. */
export const indexedWordCharactersMax = 64

/** The cache. How long, and how large, a value may be kept. */
export const cacheMillisMax = 24 * 3_600_000
export const cacheValueBytesMax = 4 * 1024 ** 2
/** Bytes of all values in a process's memory, and in Redis; and what each costs beside its own. */
export const cacheMemoryBytesMax = 64 * 1024 ** 2
export const cacheRedisBytesMax = 256 * 1024 ** 2
export const cacheEntryBytesEstimate = 256
/** How long a cache is waited for: longer, and the value is better made. */
export const cacheCommandMillisMax = 500
/** How long a cache that did not answer is done without before it is asked again. */
export const cacheRestMillis = 1_000
/** How long one node may make a value while others wait, and how long each of them does. */
export const cacheClaimMillisMax = 30_000
export const cacheWaitMillisMax = 5_000
/** How often whoever waits looks, drawn between these. */
export const cacheLookMillisMin = 5
export const cacheLookMillisMax = 50
/** The longest wait before a lost cache is tried again. */
export const cacheReconnectMillisMax = 1_000

/**
 * Operators. Dead letters that are looked at, sent again or let go at once: 16 MiB of bytes at
 * most.
 */
export const deadLettersSettledMax = 256
/** Dead letters that a command may name, and those that stayed which its answer names. */
export const deadLettersNamedMax = 256
export const lettersStayedTold = 100
/** Dead letters that a command lets go at once and the audit tells one by one. */
export const auditLettersNamedMax = 32
/** Blocks that one look at a log shows: 32 MiB at most. */
export const inspectedBlocksMax = 64
/** Chains of senders that a check of the log remembers; beyond, it asks the log again. */
export const verifyChainsHeldMax = 10_000
/** How often whoever follows a log looks: a block stays in it for some 20 ms at least. */
export const logLookMillis = 20
/** Blocks that `log tail` shows unless told otherwise, and at most. */
export const blocksShownDefault = 20
export const blocksShownMax = 1_000

/** Messages between nodes. */
/** Requests of others that a node works on at once; further ones are refused. */
export const peerRequestsMax = 256
/** Requests to others that a process has open at once. */
export const peerAsksOpenMax = 4_096
/** Bytes of one message with its envelope: below the servers' payload of 1 MiB. */
export const peerFrameBytesMax = 768 * 1024
/** Bytes of one chunk of a streamed answer, and chunks that are sent and not yet taken. */
export const peerChunkBytesMax = 128 * 1024
export const peerChunksUntakenMax = 8
/**
 * Who works on a request, or takes chunks, says so this often; who hears nothing for the longer
 * time gives the other up. A node that a busy machine holds up for as long as a lease is not lost.
 */
export const peerAliveMillis = 1_000
export const peerSilenceMillisMax = 5_000
/** By so much two clocks may run apart: thousandths of the time since they were compared. */
export const peerClockDrift = 0.001
/** Processes whose clocks a process remembers: nodes, and those that were nodes. */
export const peersKnownMax = 4 * nodesMax

/** Verbs over a cluster. How long a node may take to say how it is. */
export const clusterAnswerMillisMax = 5_000
/** Actors that one node tells of, and how many one chunk of its answer has: at most 90 kB. */
export const actorRowsMax = 20_000
export const actorRowsPerChunk = 64
/** Characters of an actor's key, and of its last error, that are shown. */
export const actorTextLengthMax = 200
/** Rows that lists of actors and mailboxes show unless told otherwise. */
export const actorsShownDefault = 50
export const mailboxesShownDefault = 20
/** The time between two looks from which a rate is made, and the longest. */
export const rateMillisDefault = 1_000
export const rateMillisMax = 60_000
/** How often `cluster watch`, and whoever waits for a drain, looks. */
export const clusterLookMillis = 500
/** Shards named in one line for a person. */
export const shardsToldMax = 16

/** Answers of the graph that are kept. */
/**
 * How long one may be used: its version says that it is true, so this bounds only how long it takes
 * room, and how long a store that was put back to an older copy could be answered for.
 */
export const keptAnswerMillis = 5 * 60_000

/** Takeovers. */
/** How long the first guard waits for others, so that they share its transaction. */
export const neo4jGuardGatherMillis = 20
/** How often, while a guard waits, transactions of former owners that hold it are ended again. */
export const neo4jEndAgainMillis = 250
/**
 * How often, while commits are under way, transactions of former owners are looked for that stand
 * still, and since when: long for a commit that is at work, and short for those that wait for it.
 */
export const neo4jClearMillis = 2_500
export const neo4jStandMillisMin = 10_000

/** Writes that one node takes for another. */
/** Bytes that go with the message itself: all of a mutation. More is asked for as a stream. */
export const writeInlineBytesMax = 384 * 1024
/** Bytes of one part of that stream: below a chunk's, with its envelope. */
export const writePartBytes = 120 * 1024
/** Until a write that goes with its message is taken: others of its tenant, slow disks. */
export const writeTakeMillisMax = 30_000
/** The longest time between two tries to give a write away: each sends all its bytes. */
export const writeGiveMillisMax = 4_000
/** The time between two looks at a write that is read elsewhere, at first and at last. */
export const writeLookMillisMin = 25
export const writeLookMillisMax = 250

/** Durable state of actors. */
/** Events after which a snapshot takes their place: unless the kind says otherwise, and at most. */
export const durableEventsPerSnapshotDefault = 64
/** With its snapshot a full tail is one group of state, whose removals are a message each. */
export const durableEventsPerSnapshotMax = 512
/** Bytes of the events since the last snapshot: a longer tail is slower to read than a snapshot. */
export const durableTailBytesMax = stateValueBytesMax
/** Persists of one actor under way: a second one would be decided from a state that changes. */
export const durablePersistsAtOnceMax = 1
/** Events that are persisted together, and bytes of one with its envelope. */
export const durableEventsPerPersistMax = 128
export const durableEventBytesMax = 256 * 1024
/** Looks at a state that its owner writes meanwhile, before it is told to be busy. */
export const durableLooksMax = 16

/** Durable timers and schedules. */
/** Timers that one actor keeps in its durable state: what is written at once names all of them. */
export const durableTimersMax = 1_000
/**
 * Whoever waits for a durable timer looks at the wall clock at least this often: one that was put
 * forward or back, or stood still with its machine, is noticed within this time.
 */
export const durableTimerLookMillisMax = 60_000
/** The shortest and the longest `every` of a source: its file is hashed each time. */
export const scheduleMillisMin = 1_000
export const scheduleMillisMax = 366 * 86_400_000

/** The end of a node that was told to drain. */
/** How long it waits, when others have its shards, until they have the writes that it took. */
export const drainedWritesMillisMax = 60_000

/** Graph stores that are reached over a network. */
/**
 * Up to so many records, what they name is looked for together with the records: a way to the
 * server less. Of more, those that say nothing new may be most, and are left out first.
 */
export const recordsAskedAheadMax = 512
/** Names that a writer to Neo4j remembers to be there: 48 MiB, as bits of their hashes. */
export const neo4jNamesKeptMax = 2 ** 22
/** From so many records on, what waits is decided while the server works on what came before. */
export const foreseenRecordsMin = 512
/** Pieces of 64 KiB kept for the next rows to Neo4j, once it has read theirs: 16 MiB a thread. */
export const neo4jPiecesKeptMax = 256
/** Ends of relationships whose numbers it remembers from one transaction to the next. */
export const neo4jEndsKeptMax = 2 ** 16

/** Writes whose runs were overtaken. */
/**
 * Of one source: a takeover in the middle of a write leaves one, where a later run begins before
 * its bytes come again. With more the oldest is forgotten, and counts anew if it does come.
 */
export const overtakenRunsMax = 16

/** Starts. */
/**
 * How long a node that starts waits for servers that do not answer: longer than a database takes to
 * come up beside it, and short enough for whoever watches over it to see that something is wrong.
 */
export const serversWaitMillisMax = 30_000
