/** The edge: what a request costs, and what it costs to tell one change to many. */
import { fanout } from "./edge/fanout.ts"
import { requests } from "./edge/requests.ts"
import type { Bench } from "./measure.ts"

export const gateway: Bench = async () => [...(await requests()), ...(await fanout())]
