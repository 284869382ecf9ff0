import { ParticipantInfo_State, type ParticipantInfo } from "@livekit/protocol"
import * as Effect from "effect/Effect"

/** The other participants, as the server described them last; kept over sessions, to tell who is gone when the next one begins. */
export class Roster {
  readonly #others = new Map<string, ParticipantInfo>()
  /** Identities that took part in the session before and do not yet in this one. */
  readonly #missing = new Set<string>()
  #whenBack = () => {}

  /** A session begins with these others. Who was there before and is not among them has left meanwhile. */
  begin(others: ReadonlyArray<ParticipantInfo>): ReadonlyArray<ParticipantInfo> {
    const present = new Set(others.map(({ sid }) => sid))
    const gone = Array.from(this.#others.values()).filter(({ sid }) => !present.has(sid))
    for (const { identity, state } of gone) {
      if (state === ParticipantInfo_State.ACTIVE) this.#missing.add(identity)
    }
    this.#others.clear()
    this.update(others)
    return gone.map((info) => {
      const left = info.clone()
      left.state = ParticipantInfo_State.DISCONNECTED
      return left
    })
  }

  update(participants: ReadonlyArray<ParticipantInfo>): void {
    for (const info of participants) {
      if (info.state === ParticipantInfo_State.DISCONNECTED) this.#others.delete(info.sid)
      else this.#others.set(info.sid, info)
      // A server hands data only to who is active.
      if (info.state === ParticipantInfo_State.ACTIVE) this.#missing.delete(info.identity)
    }
    if (this.#missing.size === 0) this.#whenBack()
  }

  /** Whether all who were there in the session before are there again, or were given up. */
  get isComplete(): boolean {
    return this.#missing.size === 0
  }

  /** Completes when they are. */
  readonly complete: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.isComplete) return resume(Effect.void)
    this.#whenBack = () => resume(Effect.void)
    return Effect.sync(() => {
      this.#whenBack = () => {}
    })
  })

  /** Waits for nobody any more. */
  giveUp(): void {
    this.#missing.clear()
    this.#whenBack()
  }

  clear(): void {
    this.#others.clear()
    this.giveUp()
  }
}
