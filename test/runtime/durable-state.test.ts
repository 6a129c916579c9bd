import { makeEmbeddedWorld } from "../support/embedded-world.ts"
import { durableConformance } from "./durable-conformance.ts"

durableConformance("embedded", (bounds = {}) => makeEmbeddedWorld({ bounds }))
