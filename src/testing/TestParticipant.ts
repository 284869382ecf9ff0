/**
 * Another participant of a test, without an engine of its own: it is in the room, and says and hears what the test wants.
 */
import { DisconnectReason, type ParticipantInfo } from "@livekit/protocol"
import * as Effect from "effect/Effect"
import type { Kind } from "../DataChannel.ts"
import * as Packet from "../Packet.ts"
import type { Entered, OnData } from "../room/ScriptedParticipant.ts"
import { type ExpectationFailed, failed } from "./ExpectationFailed.ts"
import type { Recorder } from "./History.ts"
import * as Inbox from "./Inbox.ts"

/**
 * How something is said.
 *
 * @category models
 */
export interface SayOptions {
  /** Of user packets. */
  readonly topic?: string | undefined
  /** Default `reliable`. */
  readonly kind?: Kind | undefined
  /** Who gets it; everybody else when empty or absent. */
  readonly destinationIdentities?: ReadonlyArray<string> | undefined
}

/**
 * A participant without an engine, in the hands of the test.
 *
 * @category models
 */
export interface TestParticipant {
  readonly identity: string
  /** As others see it. */
  readonly info: ParticipantInfo
  /** Says something to the room, in a user packet. Fails when the participant is not in the room any more. */
  readonly send: (payload: string | Uint8Array, options?: SayOptions) => Effect.Effect<void, ExpectationFailed>
  /** Sends a packet of any kind. */
  readonly sendPacket: (packet: Packet.Packet, options?: SayOptions) => Effect.Effect<void, ExpectationFailed>
  /**
   * Texts of the next user packets for this participant, each handed out once. Lets time pass until they are there; fails with
   * the history when they are not within a minute, or the time given.
   */
  readonly received: (
    count: number,
    options?: Inbox.ReceiveOptions
  ) => Effect.Effect<ReadonlyArray<string>, ExpectationFailed>
  /** All packets that came so far. */
  readonly packets: Effect.Effect<ReadonlyArray<Packet.ReceivedPacket>>
  /** The others in the room. */
  readonly others: Effect.Effect<ReadonlyArray<ParticipantInfo>>
  /** Changes what others know of it, and tells them. */
  readonly update: (
    change: Partial<Pick<ParticipantInfo, "name" | "metadata" | "attributes">>
  ) => Effect.Effect<void, ExpectationFailed>
  readonly leave: Effect.Effect<void>
}

/** Lets a participant in by `enter`. */
export const make = Effect.fnUntraced(function* (
  identity: string,
  history: Recorder,
  enter: (onData: OnData) => Effect.Effect<Entered>
): Effect.fn.Return<TestParticipant> {
  const inbox = Inbox.make(identity)
  const entered = yield* enter((kind, bytes) => {
    const letter = inbox.put(undefined, kind, bytes)
    if (letter === undefined) return
    const group = `${letter.from} to ${identity}, ${kind}`
    history.record(identity, () => `hears ${letter.from}, ${Inbox.describe(letter)}`, { group })
  })
  const { info } = entered
  const self = { sequence: 0 }
  history.record(identity, "is in the room")
  const present = Effect.suspend(() => (entered.isPresent() ? Effect.void : failed(`${identity} is in the room`, 0)))
  const sendPacket: TestParticipant["sendPacket"] = (packet, { destinationIdentities = [], kind = "reliable" } = {}) =>
    Effect.map(present, () => {
      const sequence = kind === "reliable" ? ++self.sequence : 0
      entered.send(kind, Packet.encode(packet, kind, destinationIdentities, sequence))
    })
  return {
    identity,
    info,
    send: (payload, options = {}) =>
      Effect.suspend(() => sendPacket(Packet.user(payload, { topic: options.topic }), options)),
    sendPacket,
    received: inbox.take,
    packets: Effect.sync(inbox.all),
    others: Effect.sync(entered.others),
    update: (change) =>
      Effect.map(present, () => {
        Object.assign(info, change)
        entered.announce()
      }),
    leave: Effect.suspend(() => {
      history.record(identity, "leaves")
      return entered.leave(DisconnectReason.CLIENT_INITIATED)
    })
  }
})
