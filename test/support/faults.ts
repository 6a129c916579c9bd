/**
 * Wraps ports so that a test sees, delays or ends every call. Only tests use it: it changes nothing
 * of what a call does, it stands before and behind it.
 */
import * as Effect from "effect/Effect"

export type CallPoint = {
  readonly port: string
  readonly method: string
  readonly when: "before" | "after"
  /** 1 for the first call of this method. */
  readonly call: number
}

export type Watcher = (point: CallPoint) => void | Effect.Effect<void>

/** The same port, with `watch` called before and after each of its effects. */
export function watched<P extends object>(port: string, shape: P, watch: Watcher): P {
  const calls = new Map<string, number>()
  const around = (method: string, effect: Effect.Effect<unknown, unknown>) =>
    Effect.suspend(() => {
      const call = (calls.get(method) ?? 0) + 1
      calls.set(method, call)
      const at = (when: "before" | "after") =>
        Effect.suspend(() => watch({ port, method, when, call }) ?? Effect.void)
      return at("before").pipe(
        Effect.andThen(effect),
        Effect.tap(() => at("after")),
      )
    })
  return new Proxy(shape, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver)
      if (typeof name === "symbol") return member
      if (Effect.isEffect(member)) return around(name, member as Effect.Effect<unknown, unknown>)
      if (typeof member !== "function") return member
      return (...args: unknown[]) => {
        const answer: unknown = Reflect.apply(member, target, args)
        if (!Effect.isEffect(answer)) return answer
        return around(name, answer as Effect.Effect<unknown, unknown>)
      }
    },
  })
}
