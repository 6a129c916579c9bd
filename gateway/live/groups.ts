/** Subscribers that are told the same, by the name of what they subscribe to. */
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

  has(name: string): boolean {
    return this.#byName.has(name)
  }

  all(): Iterable<Group> {
    return this.#byName.values()
  }

  of(subscription: Subscription, make: () => Group): Group {
    const known = this.#byName.get(subscription.group)
    if (known !== undefined) return known
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
