import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { Closed, Failed, PeerConnectionError, type Target } from "../PeerConnectionError.ts"
import type { PeerConnectionState } from "../PeerConnectionFactory.ts"

/** Completes once a peer connection is connected; fails once it has failed or is closed. */
export const awaitConnected = (
  target: Target,
  state: SubscriptionRef.SubscriptionRef<PeerConnectionState>
): Effect.Effect<void, PeerConnectionError> =>
  SubscriptionRef.changes(state).pipe(
    Stream.mapEffect((current) =>
      current === "failed"
        ? Effect.fail(new PeerConnectionError({ reason: new Failed({ target }) }))
        : current === "closed"
          ? Effect.fail(new PeerConnectionError({ reason: new Closed({ target }) }))
          : Effect.succeed(current)
    ),
    Stream.filter((current) => current === "connected"),
    Stream.runHead,
    Effect.asVoid
  )
