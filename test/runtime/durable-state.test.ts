import { makeEmbeddedWorld } from "../support/embedded-world.ts"
import { durableConformance } from "./durable-conformance.ts"
import { durableCrashes } from "./durable-crashes.ts"

const make = (bounds = {}) => makeEmbeddedWorld({ bounds })

durableConformance("embedded", make)
durableCrashes("embedded", make, 60)
