import { makeEmbeddedWorld } from "../support/embedded-world.ts"
import { inspectionConformance } from "./inspection-conformance.ts"
import { logConformance } from "./log-conformance.ts"
import { logModelConformance } from "./log-model.ts"
import { stateConformance } from "./state-conformance.ts"

const make = (bounds = {}) => makeEmbeddedWorld({ bounds })

logConformance("embedded", make)
inspectionConformance("embedded", make)
logModelConformance("embedded", make)
stateConformance("embedded", make)
