/**
 * The network between the participants of a test and their server: for each participant one path for signalling and one for
 * media, whose conditions the test sets.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Link from "./Link.ts"

/**
 * The paths of one participant.
 *
 * @category models
 */
export interface Paths {
  readonly signal: Link.Link
  readonly media: Link.Link
}

/**
 * @category services
 */
export class SimNetwork extends Context.Service<
  SimNetwork,
  {
    /** The paths of a participant, made when first asked for. */
    readonly paths: (participant: string) => Effect.Effect<Paths>
    /** Nothing of a participant gets through, either way, on any path. */
    readonly cutOff: (participant: string) => Effect.Effect<void>
    /** Ends {@link cutOff}. */
    readonly restore: (participant: string) => Effect.Effect<void>
  }
>()("effect-livekit/testing/SimNetwork") {}

/**
 * @category constructors
 */
export const make: Effect.Effect<SimNetwork["Service"], never, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const all = new Map<string, Paths>()
  const paths = Effect.fnUntraced(function* (participant: string) {
    const known = all.get(participant)
    if (known !== undefined) return known
    const made = yield* Effect.all({ signal: Link.make, media: Link.make }).pipe(
      Effect.provideService(Scope.Scope, scope)
    )
    all.set(participant, made)
    return made
  })
  const set = (isDown: boolean) => (participant: string) =>
    Effect.flatMap(paths(participant), ({ media, signal }) =>
      Effect.andThen(signal.set({ isDown }), media.set({ isDown }))
    )
  return { paths, cutOff: set(true), restore: set(false) }
})

/**
 * @category layers
 */
export const layer: Layer.Layer<SimNetwork> = Layer.effect(SimNetwork, make)
