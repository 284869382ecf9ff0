import { ParticipantInfo_State, type ParticipantInfo } from "@livekit/protocol"
import type * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

/** The other participants, as the server described them last; kept over sessions, to tell who is gone when the next one begins. */
export class Roster {
  readonly #others = new Map<string, ParticipantInfo>()
  /** Identities that took part in the session before and do not yet in this one. */
  readonly #missing = new Set<string>()
  readonly #everybody = Latch.makeUnsafe(true)

  /** A session begins with these others. Who was there before and is not among them has left meanwhile. */
  begin(others: ReadonlyArray<ParticipantInfo>): ReadonlyArray<ParticipantInfo> {
    const present = new Set(others.map(({ sid }) => sid))
    const gone = Array.from(this.#others.values()).filter(({ sid }) => !present.has(sid))
    for (const { identity, state } of gone) {
      if (state === ParticipantInfo_State.ACTIVE) this.#missing.add(identity)
    }
    this.#others.clear()
    if (this.#missing.size > 0) this.#everybody.closeUnsafe()
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
    if (this.#missing.size === 0) this.#everybody.openUnsafe()
  }

  /** Whether all who were there in the session before are there again, or were given up. */
  get isComplete(): boolean {
    return this.#everybody.isOpen()
  }

  /** Completes when they are. */
  get complete(): Effect.Effect<void> {
    return this.#everybody.await
  }

  /** Waits for nobody any more. */
  giveUp(): void {
    this.#missing.clear()
    this.#everybody.openUnsafe()
  }

  clear(): void {
    this.#others.clear()
    this.giveUp()
  }
}
