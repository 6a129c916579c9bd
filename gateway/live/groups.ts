/** Subscribers that are told the same, by the name of what they subscribe to. */
import { liveGroupsPerTenantMax } from "../../protocols/limits.ts"
import { exceeded } from "../cost.ts"
import type { Subscription } from "./operation.ts"

export interface Grouped<Member> {
  readonly subscription: Subscription
  readonly members: Set<Member>
}

export class Groups<Member, Group extends Grouped<Member>> {
  readonly #byName = new Map<string, Group>()

  get count(): number {
    return this.#byName.size
  }

  all(): Iterable<Group> {
    return this.#byName.values()
  }

  /** Throws `LimitExceeded` for one too many; where others may have come since, asked last. */
  of(subscription: Subscription, make: () => Group): Group {
    const known = this.#byName.get(subscription.group)
    if (known !== undefined) return known
    if (this.count >= liveGroupsPerTenantMax) {
      const what = "different subscriptions of a tenant"
      throw exceeded("liveGroupsPerTenantMax", liveGroupsPerTenantMax, this.count + 1, what)
    }
    const group = make()
    this.#byName.set(subscription.group, group)
    return group
  }

  /** A group without members is forgotten. */
  remove(member: Member, { subscription, members }: Group): void {
    members.delete(member)
    if (members.size === 0) this.#byName.delete(subscription.group)
  }
}
