/** What happens to actors, as log lines. */
import { formatAddress } from "../../protocols/address.ts"
import type { ActorEvent } from "../core/observer.ts"
import type { Logger } from "./logger.ts"

export const logActorEvent =
  (logger: Logger) =>
  (happened: ActorEvent): void => {
    const { event, address, ...fields } = happened
    const level = event === "restarting" || event === "released" ? "info" : "warn"
    logger[level](`actor ${event}`, { actor: formatAddress(address), ...fields })
  }
