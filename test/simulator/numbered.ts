/**
 * Things by number, each made when it is first asked for: whoever takes the next one and whoever names it meet at the same.
 */
import { Effect } from "effect"

export interface Numbered<A> {
  readonly at: (number: number) => Effect.Effect<A>
  readonly next: Effect.Effect<A>
}

export const numbered = <A>(make: Effect.Effect<A>): Numbered<A> => {
  const all = new Map<number, A>()
  let taken = 0
  const at = (number: number) =>
    Effect.suspend(() => {
      const known = all.get(number)
      return known !== undefined
        ? Effect.succeed(known)
        : Effect.tap(make, (made) => Effect.sync(() => void all.set(number, made)))
    })
  return { at, next: Effect.suspend(() => at(taken++)) }
}
