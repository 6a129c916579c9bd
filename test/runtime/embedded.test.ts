import { makeEmbeddedWorld } from "../support/embedded-world.ts"
import { logConformance } from "./log-conformance.ts"

logConformance("embedded", (bounds) => makeEmbeddedWorld(bounds ? { bounds } : {}))
