/** The thread that writes `graph.db`. */
import type { Retention } from "../../graph/write/feed-writer.ts"
import { WriterThread } from "../thread/writer-thread.ts"

export interface WriterSettings {
  readonly path: string
  readonly pragmas: readonly string[]
  readonly retention: Partial<Pick<Retention, "changesMax" | "millisMax">>
}

export const writerThread = (settings: WriterSettings): WriterThread =>
  new WriterThread(settings.path, new URL("./worker.ts", import.meta.url), settings)
