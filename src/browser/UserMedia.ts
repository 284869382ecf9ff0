/**
 * Camera, microphone and screen as tracks that live in a scope.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * Why a track cannot be had.
 *
 * - `Denied`: the user or the page's permissions policy said no.
 * - `NotFound`: there is no such device.
 * - `InUse`: the device is there and gives nothing; most often another program has it.
 * - `Overconstrained`: no device meets the constraint named.
 * - `Unavailable`: the browser offers no capture, as on pages that are not secure (https or localhost).
 *
 * @category errors
 */
export type UserMediaErrorReason =
  | { readonly _tag: "Denied" }
  | { readonly _tag: "NotFound" }
  | { readonly _tag: "InUse" }
  | { readonly _tag: "Overconstrained"; readonly constraint: string }
  | { readonly _tag: "Unavailable" }
  | { readonly _tag: "Other" }

/**
 * The browser gave no camera, microphone or screen.
 *
 * @category errors
 */
export class UserMediaError extends Data.TaggedError("UserMediaError")<{
  readonly source: Source
  readonly reason: UserMediaErrorReason
  readonly cause: unknown
}> {
  override get message() {
    return `cannot capture the ${this.source}: ${advice(this.reason)}`
  }
}

/**
 * What is asked for.
 *
 * @category models
 */
export type Source = "camera" | "microphone" | "screen"

const advice = (reason: UserMediaErrorReason): string => {
  switch (reason._tag) {
    case "Denied":
      return "it was not allowed; ask the user to allow it in the browser's site settings"
    case "NotFound":
      return "there is none; connect one, or join without it"
    case "InUse":
      return "it gives nothing; close the program that uses it"
    case "Overconstrained":
      return `none meets the constraint ${reason.constraint}; ask for less`
    case "Unavailable":
      return "the page cannot capture; serve it by https or from localhost"
    case "Other":
      return "the browser failed; see the cause"
  }
}

/**
 * The camera, until the scope closes.
 *
 * @example
 * ```ts
 * import { UserMedia } from "effect-livekit/browser"
 * import { Effect } from "effect"
 *
 * const preview = (video: HTMLVideoElement) =>
 *   Effect.gen(function* () {
 *     const track = yield* UserMedia.camera({ width: 1280, height: 720 })
 *     video.srcObject = new MediaStream([track])
 *     yield* Effect.never
 *   }).pipe(Effect.scoped)
 * ```
 *
 * @throws UserMediaError
 * @category constructors
 */
export const camera = (
  constraints: MediaTrackConstraints = {}
): Effect.Effect<MediaStreamTrack, UserMediaError, Scope.Scope> =>
  capture("camera", (devices) => devices.getUserMedia({ video: constraints }))

/**
 * The microphone, until the scope closes.
 *
 * @throws UserMediaError
 * @category constructors
 */
export const microphone = (
  constraints: MediaTrackConstraints = {}
): Effect.Effect<MediaStreamTrack, UserMediaError, Scope.Scope> =>
  capture("microphone", (devices) => devices.getUserMedia({ audio: constraints }))

/**
 * What the user chooses to show of the screen, until the scope closes. Browsers ask every time, and only in answer to a click.
 *
 * @throws UserMediaError
 * @category constructors
 */
export const screen = (
  constraints: MediaTrackConstraints = {}
): Effect.Effect<MediaStreamTrack, UserMediaError, Scope.Scope> =>
  capture("screen", (devices) => devices.getDisplayMedia({ video: constraints }))

const capture = (source: Source, ask: (devices: MediaDevices) => Promise<MediaStream>) =>
  Effect.flatMap(granted(source, ask), (stream) => {
    const [track] = stream.getTracks()
    const stopped = Effect.addFinalizer(() => Effect.sync(() => stop(stream)))
    return track === undefined
      ? Effect.fail(new UserMediaError({ source, reason: { _tag: "NotFound" }, cause: undefined }))
      : Effect.as(stopped, track)
  }).pipe(Effect.uninterruptible)

/** Users take their time to answer; what is granted after the interruption is stopped at once. */
const granted = (source: Source, ask: (devices: MediaDevices) => Promise<MediaStream>) =>
  Effect.callback<MediaStream, UserMediaError>((resume) => {
    const devices: MediaDevices | undefined = globalThis.navigator?.mediaDevices
    if (devices === undefined) {
      const reason = { _tag: "Unavailable" } as const
      return resume(Effect.fail(new UserMediaError({ source, reason, cause: undefined })))
    }
    let isWanted = true
    ask(devices).then(
      (stream) => (isWanted ? resume(Effect.succeed(stream)) : stop(stream)),
      (cause: unknown) => resume(Effect.fail(new UserMediaError({ source, reason: reasonOf(cause), cause })))
    )
    return Effect.sync(() => {
      isWanted = false
    })
  }).pipe(Effect.interruptible)

const stop = (stream: MediaStream) => {
  for (const track of stream.getTracks()) track.stop()
}

const reasonOf = (cause: unknown): UserMediaErrorReason => {
  if (!(cause instanceof Error)) return { _tag: "Other" }
  switch (cause.name) {
    case "NotAllowedError":
    case "SecurityError":
      return { _tag: "Denied" }
    case "NotFoundError":
      return { _tag: "NotFound" }
    case "NotReadableError":
    case "AbortError":
      return { _tag: "InUse" }
    case "OverconstrainedError":
      return { _tag: "Overconstrained", constraint: String(Reflect.get(cause, "constraint")) }
    default:
      return { _tag: "Other" }
  }
}
