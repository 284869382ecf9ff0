/**
 * The network between the participants of a test and their server: for each participant one path for signalling and one for
 * media, whose conditions the test sets, and the machine that the participant runs on.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type { Conditions } from "./Direction.ts"
import { History } from "./History.ts"
import * as Link from "./Link.ts"
import * as Machine from "./Machine.ts"

/**
 * The paths of one participant, and its machine.
 *
 * @category models
 */
export interface Paths {
  readonly signal: Link.Link
  readonly media: Link.Link
  readonly machine: Machine.Machine
}

/**
 * Which path and which direction of it; both where it is not said.
 *
 * @category models
 */
export interface Where {
  readonly path?: "signal" | "media" | undefined
  /** `up` is from the participant to the server. */
  readonly direction?: "up" | "down" | undefined
}

/**
 * The network of a test. Participants are named as they are made by `TestRTCEngine`; each has paths of its own.
 *
 * @example
 * ```ts
 * import { SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const network = yield* SimNetwork.SimNetwork
 *   yield* TestRTCEngine.join("alice")
 *   yield* network.cutOff("alice", { path: "media" })
 *   yield* VirtualTime.elapse("10 seconds")
 *   yield* network.restore("alice", { path: "media" })
 * }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
 * ```
 *
 * @category services
 */
export class SimNetwork extends Context.Service<
  SimNetwork,
  {
    /** Another number from the seed of this network each time. */
    readonly nextSeed: Effect.Effect<number>
    /** The paths of a participant, made when first asked for. */
    readonly paths: (participant: string) => Effect.Effect<Paths>
    /**
     * Changes conditions of a participant's paths, from now on.
     *
     * @example
     * ```ts
     * import { SimNetwork } from "effect-livekit/testing"
     * import { Effect } from "effect"
     *
     * const bad = Effect.gen(function* () {
     *   const network = yield* SimNetwork.SimNetwork
     *   yield* network.set("alice", { latency: 80, jitter: 40, loss: 0.05 })
     *   yield* network.set("alice", { bandwidth: 64_000 }, { path: "media", direction: "up" })
     * })
     * ```
     */
    readonly set: (participant: string, change: Partial<Conditions>, where?: Where) => Effect.Effect<void>
    /** Nothing gets through: no error, no close, only silence. By default on all paths and either way. */
    readonly cutOff: (participant: string, where?: Where) => Effect.Effect<void>
    /** Ends {@link cutOff}. */
    readonly restore: (participant: string, where?: Where) => Effect.Effect<void>
    /**
     * The participant gets another address, as behind a NAT that starts again or on the way from Wi-Fi to mobile: sockets and
     * peer connections of before are dead without a word, new ones and ICE restarts find their way.
     */
    readonly changeAddress: (participant: string) => Effect.Effect<void>
    /**
     * The participant's machine sleeps, as a laptop that is closed: nothing gets through, and none of its engine's timers falls
     * due. The clock on its wall goes on.
     */
    readonly sleep: (participant: string) => Effect.Effect<void>
    /** Ends {@link sleep}: what fell due meanwhile happens now. */
    readonly wake: (participant: string) => Effect.Effect<void>
  }
>()("effect-livekit/testing/SimNetwork") {}

/**
 * A network on the Clock and the Random of the current fiber, in the current scope.
 *
 * @example
 * ```ts
 * import { SimNetwork } from "effect-livekit/testing"
 * import { Random } from "effect"
 *
 * const always = Random.withSeed(SimNetwork.make, "the same losses each time")
 * ```
 *
 * @category constructors
 */
export const make: Effect.Effect<SimNetwork["Service"], never, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const world = yield* Effect.context<never>()
  const random = yield* Random.Random
  const history = yield* History
  const all = new Map<string, Paths>()
  const paths = Effect.fnUntraced(function* (participant: string) {
    const known = all.get(participant)
    if (known !== undefined) return known
    const made = yield* Effect.all({ signal: Link.make, media: Link.make, machine: Machine.make }).pipe(
      Effect.provideService(Scope.Scope, scope),
      Effect.provideContext(world)
    )
    all.set(participant, made)
    return made
  })
  const change = (participant: string, what: string, act: (paths: Paths) => Effect.Effect<void>) =>
    Effect.suspend(() => {
      history.record("network", `${participant} ${what}`)
      return Effect.flatMap(paths(participant), act)
    })
  const conditions = (participant: string, what: string, change_: Partial<Conditions>, where: Where = {}) =>
    change(participant, `${what}${nameOf(where)}`, (of) =>
      Effect.forEach(controls(of, where), (control) => control.set(change_), { discard: true })
    )
  const setAsleep =
    (isAsleep: boolean) =>
    ({ machine, media, signal }: Paths) =>
      Effect.all([signal.setAsleep(isAsleep), media.setAsleep(isAsleep), isAsleep ? machine.sleep : machine.wake], {
        discard: true
      })
  return {
    nextSeed: Effect.sync(() => random.nextIntUnsafe()),
    paths,
    set: (participant, to, where) => conditions(participant, `has ${JSON.stringify(to)}`, to, where),
    cutOff: (participant, where) => conditions(participant, "is cut off", { isDown: true }, where),
    restore: (participant, where) => conditions(participant, "is reachable again", { isDown: false }, where),
    changeAddress: (participant) =>
      change(participant, "has a new address", ({ media, signal }) =>
        Effect.andThen(signal.changeAddress, media.changeAddress)
      ),
    sleep: (participant) => change(participant, "sleeps", setAsleep(true)),
    wake: (participant) => change(participant, "wakes", setAsleep(false))
  }
})

const controls = (paths: Paths, { direction, path }: Where): ReadonlyArray<Link.Control> =>
  (path === undefined ? [paths.signal, paths.media] : [paths[path]]).flatMap((link) =>
    direction === undefined ? [link.up, link.down] : [link[direction]]
  )

const nameOf = ({ direction, path }: Where): string => {
  const named = [path, direction].filter((one) => one !== undefined)
  return named.length === 0 ? "" : ` (${named.join(", ")})`
}

/**
 * A network without a server; `TestServer.layer` brings its own.
 *
 * @example
 * ```ts
 * import { SimNetwork } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const network = yield* SimNetwork.SimNetwork
 *   const { media } = yield* network.paths("alice")
 *   yield* media.up.set({ latency: 30 })
 *   yield* media.open().roundTrip
 * }).pipe(Effect.provide(SimNetwork.layer))
 * ```
 *
 * @category layers
 */
export const layer: Layer.Layer<SimNetwork> = Layer.effect(SimNetwork, make)
