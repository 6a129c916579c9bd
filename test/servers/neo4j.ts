/** A Neo4j Community server over Bolt. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import neo4j, { type Driver, Neo4jError } from "neo4j-driver"
import { newFolder } from "./guarded.ts"
import { findJava } from "./java.ts"
import { obtain } from "./obtain.ts"
import type { Found } from "./on-path.ts"
import { freePorts } from "./ports.ts"
import { Server } from "./server.ts"

const pinned = "2026.09.0"
const copyPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
const user = "neo4j"
const firstPassword = "neo4j"
const password = "intelgraph"
const askMillisMax = 5_000
const heapMebibytesDefault = 512

export interface Neo4jOptions {
  /** Further lines of neo4j.conf. */
  readonly config?: string
  /** Heap of its Java; one transaction may take seven tenths of it. */
  readonly heapMebibytes?: number
}

/** The Java that runs the server, and the server's version. */
export interface Neo4jProgram extends Found {
  /** Folder of the server's jars. */
  readonly jars: string
}

export async function startNeo4j(options: Neo4jOptions = {}): Promise<Server> {
  const { command, version, jars } = await neo4jProgram()
  const [port = 0] = await freePorts(1)
  const folder = newFolder("neo4j")
  mkdirSync(join(folder, "conf"))
  writeFileSync(join(folder, "conf/neo4j.conf"), configuration(port, options))
  const url = `bolt://127.0.0.1:${port}`
  const { heapMebibytes = heapMebibytesDefault } = options
  const server = new Server({
    name: "neo4j",
    version,
    url,
    user,
    password,
    command,
    args: [
      ...[`-Xms${heapMebibytes}m`, `-Xmx${heapMebibytes}m`, "-XX:+ExitOnOutOfMemoryError"],
      ...javaFlags,
      ...["-cp", join(jars, "*"), "org.neo4j.server.Neo4jCommunity"],
      ...[`--home-dir=${folder}`, `--config-dir=${join(folder, "conf")}`],
    ],
    folder,
    log: "logs/neo4j.log",
    answers: asker(url),
  })
  await server.start()
  return server
}

/** The pinned server's jars and a Java that runs them. */
export async function neo4jProgram(): Promise<Neo4jProgram> {
  const folder = await obtain({
    name: `neo4j-${pinned}`,
    providedBy: "mvn (Apache Maven) with a Java on the PATH",
    make: async (part, run) => {
      writeFileSync(join(part, "pom.xml"), projectModel)
      const repository = join(part, "repository")
      const flags = ["--batch-mode", `-Dmaven.repo.local=${repository}`]
      await run("mvn", [...flags, copyPlugin, "-DoutputDirectory=lib"], { cwd: part })
      rmSync(repository, { recursive: true })
    },
  })
  return { command: await findJava(), version: pinned, jars: join(folder, "lib") }
}

const dependency = (group: string, artifact: string): string =>
  `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>` +
  `<version>${pinned}</version></dependency>`

const projectModel = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>intelgraph</groupId>
  <artifactId>neo4j</artifactId>
  <version>${pinned}</version>
  <packaging>pom</packaging>
  <dependencies>
    ${dependency("org.neo4j.app", "neo4j-server")}
    ${dependency("org.neo4j", "neo4j")}
  </dependencies>
</project>
`

/** What Neo4j's own launcher gives the Java of version 21 and newer. */
const javaFlags = [
  "--add-opens=java.base/java.nio=ALL-UNNAMED",
  "--add-opens=java.base/java.io=ALL-UNNAMED",
  "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
  "--enable-native-access=ALL-UNNAMED",
  "-Dio.netty.tryReflectionSetAccessible=true",
]

const configuration = (port: number, options: Neo4jOptions): string => `
server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:${port}
server.bolt.advertised_address=127.0.0.1:${port}
server.http.enabled=false
server.https.enabled=false
dbms.usage_report.enabled=false
dbms.fleet_manager.enabled=false
server.fleet_discovery.enabled=false
# Its own default waits twice five seconds for connections that are gone.
internal.server.bolt.thread_pool_shutdown_wait_time=1s
server.memory.pagecache.size=128m
dbms.security.auth_max_failed_attempts=0
${options.config ?? ""}
`

/** Asks for a row of the default database; the first time with the password still to be set. */
function asker(url: string): () => Promise<void> {
  let hasPassword = false
  return async () => {
    if (!hasPassword) await withDriver(url, firstPassword, setPassword)
    hasPassword = true
    await withDriver(url, password, async (driver) => {
      await driver.executeQuery("RETURN 1", {}, { database: "neo4j" })
    })
  }
}

async function setPassword(driver: Driver): Promise<void> {
  const statement = "ALTER CURRENT USER SET PASSWORD FROM $old TO $new"
  const passwords = { old: firstPassword, new: password }
  try {
    await driver.executeQuery(statement, passwords, { database: "system" })
  } catch (error) {
    // An earlier try set it, and its answer was lost.
    const isSet = error instanceof Neo4jError && /Security\.Unauthorized$/.test(error.code)
    if (!isSet) throw error
  }
}

async function withDriver(
  url: string,
  secret: string,
  use: (driver: Driver) => Promise<void>,
): Promise<void> {
  const driver = neo4j.driver(url, neo4j.auth.basic(user, secret), {
    connectionTimeout: askMillisMax,
    connectionAcquisitionTimeout: askMillisMax,
    maxTransactionRetryTime: 0,
    telemetryDisabled: true,
  })
  try {
    await use(driver)
  } finally {
    await driver.close()
  }
}
