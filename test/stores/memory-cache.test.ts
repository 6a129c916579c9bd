/** The cache in memory: the port's conformance suite. */
import { memoryCache } from "../../stores/index.ts"
import { cacheConformance } from "./cache-conformance.ts"

cacheConformance({ name: "Memory", open: async (options) => memoryCache(options) })
