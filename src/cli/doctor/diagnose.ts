/**
 * Looks at everything between here and a server, in the order in which a connection needs it.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { layerPlatform } from "../../node/NodePlatform.ts"
import { parse } from "../../SignalUrl.ts"
import type { CommandFailed } from "../CommandFailed.ts"
import { optional } from "../optional.ts"
import type { Tokens } from "../target.ts"
import { type Check, type CheckName, failed, type Listener, look, ok, type Outcome, skipped, warning } from "./Check.ts"
import { checkName, checkTls } from "./network.ts"
import { checkRegions } from "./regions.ts"
import * as signal from "./signal.ts"

export const diagnose = Effect.fnUntraced(function* (
  url: string,
  tokens: Tokens,
  listener: Listener
): Effect.fn.Return<ReadonlyArray<Check>, CommandFailed> {
  const checks: Array<Check> = []
  const check = (name: CheckName, effect: Effect.Effect<Outcome>) =>
    Effect.tap(look(listener, name, effect), (found) => Effect.sync(() => void checks.push(found)))
  const skip = (names: ReadonlyArray<CheckName>, why: string) =>
    Effect.forEach(names, (name) => check(name, Effect.succeed(skipped(why))), { discard: true })

  const parsed = parse(url)
  if (Result.isFailure(parsed)) {
    yield* check("url", Effect.succeed(failed(parsed.failure.message)))
    return checks
  }
  const server = parsed.success
  yield* check("url", Effect.succeed(ok(`${server.protocol}//${server.host}`)))
  if ((yield* check("name", checkName(server))).status === "failed") {
    yield* skip(
      ["tls", "websocket", "token", "first frame", "udp", "tcp", "turn", "data channel", "resume", "regions"],
      "the name has no address"
    )
    return checks
  }
  yield* check("tls", checkTls(server))

  const room = `doctor-${yield* Random.nextIntBetween(1_000_000, 10_000_000)}`
  const tokenOf = (identity: string) => tokens.token({ identity, room })
  const token = yield* tokenOf("doctor-1")
  const joined: { result: signal.JoinResult } = { result: Result.succeed(undefined) }
  const websocket = yield* check(
    "websocket",
    Effect.map(signal.joinOnce(url, token), (result) => {
      joined.result = result
      return signal.judgeWebSocket(result)
    })
  )
  yield* check(
    "token",
    tokens.source === "none"
      ? Effect.succeed(
          warning("none was given, so nothing behind it can be tried: give --token, or --api-key and --api-secret")
        )
      : signal.judgeToken(token, joined.result)
  )
  yield* check(
    "first frame",
    Effect.sync(() => signal.judgeFirstFrame(joined.result))
  )
  if (Result.isFailure(joined.result) || joined.result.success === undefined) {
    const why = websocket.status === "failed" ? "the WebSocket does not work" : "nobody could join"
    yield* skip(["udp", "tcp", "turn", "data channel", "resume", "regions"], why)
    return checks
  }
  const { iceServers } = joined.result.success.response

  const media = yield* Effect.result(optional(() => import("./media.ts"), ["node-datachannel"]))
  if (Result.isSuccess(media)) yield* withMedia(media.success)
  else {
    yield* check("udp", Effect.succeed(warning(`WebRTC cannot be tried: ${media.failure.message}`)))
    yield* skip(["tcp", "turn", "data channel", "resume"], "there is no WebRTC to try it with")
  }
  yield* check("regions", checkRegions(server, token).pipe(Effect.provide(layerPlatform)))
  return checks

  function withMedia(media: typeof import("./media.ts")): Effect.Effect<void, CommandFailed> {
    return Effect.gen(function* () {
      const first = yield* connectOne(media, token, "udp")
      const isUp = first.status === "ok" && first.patient !== undefined
      yield* check("tcp", media.checkTcp(first.patient?.candidates ?? [], isUp))
      if (!isUp || first.patient === undefined) {
        yield* check("turn", media.checkTurn(url, token, iceServers))
        return yield* skip(["data channel", "resume"], "there is no direct connection to try them on")
      }
      const patient = first.patient
      if (tokens.source === "issued") {
        const second = yield* tokenOf("doctor-2")
        yield* check(
          "turn",
          Effect.flatMap(Effect.orDie(tokenOf("doctor-3")), (third) => media.checkTurn(url, third, iceServers))
        )
        yield* check(
          "data channel",
          Effect.scoped(
            Effect.flatMap(media.connectDirectly(url, second), (other) =>
              other.outcome.status === "ok"
                ? media.checkData(patient.engine, other.patient.engine)
                : Effect.succeed(other.outcome)
            )
          )
        )
      } else {
        const why = "not tried: needs a second participant; give --api-key and --api-secret instead of a token"
        const offersTurn = media.turnUrls(iceServers).length > 0
        yield* check("turn", offersTurn ? Effect.succeed(warning(why)) : media.checkTurn(url, token, iceServers))
        yield* check("data channel", Effect.succeed(warning(why)))
      }
      yield* check("resume", media.checkResume(patient))
    }).pipe(Effect.scoped)
  }

  function connectOne(media: typeof import("./media.ts"), as: typeof token, name: CheckName) {
    return Effect.gen(function* () {
      const found: { patient: Effect.Success<ReturnType<typeof media.connectDirectly>>["patient"] | undefined } = {
        patient: undefined
      }
      const scope = yield* Effect.scope
      const outcome = yield* check(
        name,
        media.connectDirectly(url, as).pipe(
          Effect.provideService(Scope.Scope, scope),
          Effect.map((connected) => {
            found.patient = connected.patient
            return connected.outcome
          })
        )
      )
      return { status: outcome.status, patient: found.patient }
    })
  }
})
