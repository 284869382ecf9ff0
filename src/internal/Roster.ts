import { ParticipantInfo_State, type ParticipantInfo } from "@livekit/protocol"

/** The other participants, as the server described them last; kept over sessions, to tell who is gone when the next one begins. */
export class Roster {
  readonly #others = new Map<string, ParticipantInfo>()

  /** A session begins with these others. Who was there before and is not among them has left meanwhile. */
  begin(others: ReadonlyArray<ParticipantInfo>): ReadonlyArray<ParticipantInfo> {
    const present = new Set(others.map(({ sid }) => sid))
    const gone = Array.from(this.#others.values()).filter(({ sid }) => !present.has(sid))
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
    }
  }

  clear(): void {
    this.#others.clear()
  }
}
