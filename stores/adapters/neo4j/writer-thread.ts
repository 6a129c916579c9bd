/** The thread that writes to Neo4j. */
import { neo4jYoungMebibytes } from "../../../protocols/limits.ts"
import { WriterThread } from "../thread/writer-thread.ts"
import { placeOf } from "./connection.ts"
import type { WriterSettings } from "./writer.ts"

export function writerThread(settings: WriterSettings): WriterThread {
  const entry = new URL("./worker.ts", import.meta.url)
  const options = { youngMebibytes: neo4jYoungMebibytes }
  return new WriterThread(placeOf(settings.address), entry, settings, options)
}
