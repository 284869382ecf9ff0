/**
 * Offers and answers of a linked peer connection, as JSEP has them: which description may be set when, and which are in force.
 */
import * as Effect from "effect/Effect"
import { NegotiationFailed, PeerConnectionError } from "../PeerConnectionError.ts"
import type { SessionDescription } from "../PeerConnectionFactory.ts"

export interface LinkedSignaling {
  readonly isStable: () => boolean
  /** In force. */
  readonly local: () => SessionDescription | null
  readonly remote: () => SessionDescription | null
  /** In force, or about to be. */
  readonly latestLocal: () => SessionDescription | null
  readonly latestRemote: () => SessionDescription | null
  /** Fails where no answer can be made. */
  readonly expectsAnswer: Effect.Effect<void, PeerConnectionError>
  readonly setLocal: (description: SessionDescription) => Effect.Effect<void, PeerConnectionError>
  readonly setRemote: (description: SessionDescription) => Effect.Effect<void, PeerConnectionError>
  readonly invalid: (step: NegotiationFailed["step"], what: string) => PeerConnectionError
}

export const make = (): LinkedSignaling => {
  const self = {
    state: "stable" as "stable" | "have-local-offer" | "have-remote-offer",
    local: null as SessionDescription | null,
    remote: null as SessionDescription | null,
    pendingLocal: null as SessionDescription | null,
    pendingRemote: null as SessionDescription | null
  }
  const invalid = (step: NegotiationFailed["step"], what: string) =>
    new PeerConnectionError({
      reason: new NegotiationFailed({ step, cause: new Error(`${what} in signaling state ${self.state}`) })
    })
  const settle = (local: SessionDescription | null, remote: SessionDescription | null) =>
    Object.assign(self, { state: "stable", local, remote, pendingLocal: null, pendingRemote: null })

  return {
    isStable: () => self.state === "stable",
    local: () => self.local,
    remote: () => self.remote,
    latestLocal: () => self.pendingLocal ?? self.local,
    latestRemote: () => self.pendingRemote ?? self.remote,
    expectsAnswer: Effect.suspend(() =>
      self.state === "have-remote-offer" ? Effect.void : Effect.fail(invalid("createAnswer", "an answer"))
    ),
    setLocal: (description) =>
      Effect.suspend(() => {
        const { type } = description
        if (type === "offer" && self.state !== "have-remote-offer") {
          self.pendingLocal = description
          self.state = "have-local-offer"
        } else if (type === "answer" && self.state === "have-remote-offer") settle(description, self.pendingRemote)
        else return Effect.fail(invalid("setLocalDescription", `a local ${type}`))
        return Effect.void
      }),
    setRemote: (description) =>
      Effect.suspend(() => {
        const { sdp, type } = description
        if (!sdp.startsWith("v=0")) return Effect.fail(invalid("setRemoteDescription", "text that is no SDP"))
        if (type === "offer" && self.state === "stable") {
          self.pendingRemote = description
          self.state = "have-remote-offer"
        } else if (type === "answer" && self.state === "have-local-offer") settle(self.pendingLocal, description)
        else return Effect.fail(invalid("setRemoteDescription", `a remote ${type}`))
        return Effect.void
      }),
    invalid
  }
}
