/**
 * Everything of a reliable packet but the network: encoded with sequence and nonce, logged, handed over, given its sender's name as
 * a server does, decoded, told from duplicates, published, read.
 */
import { DataPacket } from "@livekit/protocol"
import { Clock, Effect, PubSub } from "effect"
import { Packet, ReceiveState, ReliableSender } from "effect-livekit"
import { endlessChannel } from "../endlessChannel.ts"
import { median } from "../Figures.ts"
import type { Bench } from "../Run.ts"
import * as Nonce from "../../src/internal/Nonce.ts"
import * as PacketReceiver from "../../src/internal/PacketReceiver.ts"

const chunk = 100_000

/** Messages one after the other are one message with the fields of both. */
const stamp = new DataPacket({ participantSid: "PA_sender" }).toBinary()

const cpu = () => {
  const { system, user } = process.cpuUsage()
  return system + user
}

const makePath = Effect.gen(function* () {
  const packets = yield* PubSub.unbounded<Packet.ReceivedPacket>()
  const reader = yield* PubSub.subscribe(packets)
  const receiver = PacketReceiver.make({
    clock: yield* Clock.Clock,
    state: new ReceiveState.ReceiveState(30_000),
    nonces: new Nonce.NonceState(),
    packets,
    lossyBacklog: 1_000,
    emit: () => {}
  })
  const channel = endlessChannel((bytes) => {
    const stamped = new Uint8Array(bytes.length + stamp.length)
    stamped.set(bytes)
    stamped.set(stamp, bytes.length)
    receiver.receive("reliable", stamped)
  })
  const sender = ReliableSender.make({
    capacity: 2 * 1024 * 1024,
    retention: 2_621_440,
    maxPacketSize: 64_000,
    onSendFailed: () => {},
    now: () => 0
  })
  sender.attach(channel)
  const nonces = Nonce.make(1, 2)
  const packet = Packet.user(new Uint8Array(200), { topic: "chat" })
  const send = Effect.suspend(() =>
    sender.send((sequence) => {
      if (packet.case === "user") packet.value.nonce = nonces.next()
      return Packet.encode(packet, "reliable", [], sequence)
    })
  )
  /** Microseconds of CPU of a packet, of a hundred thousand. */
  return Effect.gen(function* () {
    const before = cpu()
    for (let sent = 0; sent < chunk; sent += 50) {
      for (let index = 0; index < 50; index++) yield* send
      yield* PubSub.takeUpTo(reader, 50)
    }
    return (cpu() - before) / chunk
  })
})

/** What a packet costs once the code is warm, and after so many. */
export const growthInMemory = (bench: Bench, packets: number) =>
  Effect.gen(function* () {
    const next = yield* makePath
    const costs: Array<number> = []
    for (let sent = chunk; sent <= packets; sent += chunk) {
      costs.push(yield* next)
      if (sent % (10 * chunk) !== 0) continue
      process.stderr.write(`  growth: ${sent / 1_000_000} million, ${median(costs.slice(-10)).toFixed(1)} us\n`)
    }
    const add = (what: string, all: ReadonlyArray<number>) =>
      bench.figures.add(
        { name: `reliable 200 B without a network, ${what}`, unit: "us/packet", better: "lower", server: "none" },
        "effect-livekit (node-datachannel)",
        median(all)
      )
    add("of the second to the eleventh 100,000", costs.slice(1, 11))
    add(`of the last million of ${packets / 1_000_000} million`, costs.slice(-10))
  }).pipe(Effect.scoped, Effect.orDie)
