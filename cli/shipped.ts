import { fileURLToPath } from "node:url"

/** The configuration that `start` takes where a person has none: the data that comes with it. */
export const shippedConfiguration = fileURLToPath(
  new URL("../data/intelgraph.yaml", import.meta.url),
)
