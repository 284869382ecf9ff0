/**
 * Packets that came, handed out once each.
 */
import { DataPacket } from "@livekit/protocol"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Kind } from "../DataChannel.ts"
import type { ReceivedPacket } from "../Packet.ts"
import { type ExpectationFailed, failed } from "./ExpectationFailed.ts"
import * as passing from "./passing.ts"

export interface Letter extends ReceivedPacket {
  /** Who sent it. */
  readonly from: string
}

/**
 * Which packets, and how long to wait for them.
 *
 * @category models
 */
export interface ReceiveOptions {
  /** Whose; default everybody's. */
  readonly from?: string | undefined
  /** Default one minute. */
  readonly within?: Duration.Input | undefined
}

export interface Inbox {
  /** Puts in what can be read as a packet. */
  readonly put: (from: string | undefined, kind: Kind, bytes: Uint8Array) => Letter | undefined
  /** All that came so far. */
  readonly all: () => ReadonlyArray<Letter>
  /** Texts of the next user packets; lets time pass until they are there. */
  readonly take: (count: number, options?: ReceiveOptions) => Effect.Effect<ReadonlyArray<string>, ExpectationFailed>
}

export const make = (owner: string): Inbox => {
  const all: Array<Letter> = []
  const fresh = new Set<Letter>()
  const waiting = new Set<() => void>()

  const texts = (from: string | undefined) =>
    [...fresh].flatMap((letter) => {
      const text = textOf(letter)
      return text !== undefined && (from === undefined || from === letter.from) ? [{ letter, text }] : []
    })
  const enough = (count: number, from: string | undefined) =>
    Effect.callback<ReadonlyArray<string>>((resume) => {
      const look = () => {
        const found = texts(from)
        if (found.length < count) return
        waiting.delete(look)
        const taken = found.slice(0, count)
        for (const { letter } of taken) fresh.delete(letter)
        resume(Effect.succeed(taken.map(({ text }) => text)))
      }
      waiting.add(look)
      look()
      return Effect.sync(() => waiting.delete(look))
    })

  return {
    put: (from, kind, bytes) => {
      const packet = decode(bytes)
      if (packet === undefined) return undefined
      const letter = { from: from ?? packet.participantIdentity, kind, packet }
      all.push(letter)
      fresh.add(letter)
      for (const look of [...waiting]) look()
      return letter
    },
    all: () => [...all],
    take: (count, { from, within = "1 minute" } = {}) =>
      passing.until(enough(count, from), within, () => {
        const got = JSON.stringify(texts(from).map(({ text }) => text))
        return failed(
          `${owner} receives ${count} packets${from === undefined ? "" : ` from ${from}`}`,
          within,
          `it has ${got}`
        )
      })
  }
}

const decoder = new TextDecoder()

/** The text of a user packet. */
export const textOf = ({ packet }: ReceivedPacket): string | undefined =>
  packet.value.case === "user" ? decoder.decode(packet.value.value.payload) : undefined

const shownLength = 40

/** A packet in a few words. */
export const describe = (letter: ReceivedPacket): string => {
  const text = textOf(letter)
  const { sequence, value } = letter.packet
  const number = sequence > 0 ? ` ${sequence}` : ""
  const shown = text !== undefined && text.length > shownLength ? `${text.slice(0, shownLength)}...` : text
  return `${letter.kind}${number}: ${shown === undefined ? (value.case ?? "nothing") : JSON.stringify(shown)}`
}

const decode = (bytes: Uint8Array): DataPacket | undefined => {
  try {
    return DataPacket.fromBinary(bytes)
  } catch {
    return undefined
  }
}
