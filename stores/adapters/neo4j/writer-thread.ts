/** The thread that writes to Neo4j. */
import { WriterThread } from "../thread/writer-thread.ts"
import { placeOf } from "./connection.ts"
import type { WriterSettings } from "./writer.ts"

export const writerThread = (settings: WriterSettings): WriterThread =>
  new WriterThread(placeOf(settings.address), new URL("./worker.ts", import.meta.url), settings)
