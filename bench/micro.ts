/**
 * The parts that every packet passes through, alone. Each is compared with the last committed result, which says little on another
 * machine.
 */
import { DataPacket } from "@livekit/protocol"
import { Effect } from "effect"
import { Packet, ReceiveState, ReliableLog, ReliableSender } from "effect-livekit"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { Bench } from "tinybench"
import { endlessChannel } from "./endlessChannel.ts"

const file = "bench/results/micro.json"
const payload = new Uint8Array(1024).fill(7)
const packet = Packet.user(payload, { topic: "chat" })
const encoded = Packet.encode(packet, "reliable", [], 123_456)

const sender = ReliableSender.make({
  capacity: 2 * 1024 * 1024,
  retention: 2_621_440,
  maxPacketSize: 64_000,
  onSendFailed: () => {},
  now: () => 0
})
sender.attach(endlessChannel(() => {}))

const received = new ReceiveState.ReceiveState(30_000)
const crowd = Array.from({ length: 10_000 }, (_, index) => `PA_${index}`)
const self = { sequence: 0, turn: 0 }
const log = new ReliableLog.ReliableLog()
const full = new ReliableLog.ReliableLog()
for (let index = 0; index < 2_500; index++) {
  full.append(encoded)
  full.advance(0)
}

const parts: Readonly<Record<string, () => void>> = {
  "encode 1 KB": () => void Packet.encode(packet, "reliable", [], 123_456),
  "decode 1 KB": () => void DataPacket.fromBinary(encoded),
  "dedupe, one sender": () => void received.isNew("PA_one", ++self.sequence, 0),
  "dedupe, 10,000 senders": () =>
    void received.isNew(crowd[++self.turn % crowd.length] ?? "", Math.ceil(self.turn / crowd.length), 0),
  "log: append, hand over, trim": () => {
    log.append(encoded)
    log.advance(0)
    log.trim(2_621_440)
  },
  "log: replay of 2,500": () => {
    full.rewind()
    while (full.peek() !== undefined) full.advance(0)
  },
  "reliable send to a channel that takes all": () =>
    void Effect.runSync(sender.send((sequence) => Packet.encode(packet, "reliable", [], sequence)))
}

const isRecord = (value: unknown): value is Readonly<Record<string, number>> =>
  typeof value === "object" && value !== null

/** Nanoseconds of each part in the median, as a share of the last result, and what 10 million packets do to the cost of one. */
export const micro = async (write: boolean): Promise<void> => {
  const bench = new Bench({ time: 500, throws: true })
  for (const [name, run] of Object.entries(parts)) bench.add(name, run)
  await bench.run()
  const parsed: unknown = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {}
  const last = isRecord(parsed) ? parsed : {}
  const results: Record<string, number> = {}
  for (const { name, result } of bench.tasks) {
    if ("latency" in result) results[name] = result.latency.p50 * 1e6
  }
  const nanos = (packets: number) => {
    const start = process.hrtime.bigint()
    for (let index = 0; index < packets; index++) {
      Effect.runSync(sender.send(() => encoded))
      received.isNew("PA_long", ++self.sequence, 0)
    }
    return Number(process.hrtime.bigint() - start) / packets
  }
  results["send and dedupe, the first million"] = nanos(1_000_000)
  nanos(8_000_000)
  results["send and dedupe, the tenth million"] = nanos(1_000_000)
  console.table(
    Object.entries(results).map(([what, value]) => {
      const before = last[what]
      return {
        what,
        ns: Math.round(value),
        "to the last": before === undefined ? "" : `${(value / before).toFixed(2)} x`
      }
    })
  )
  if (write) writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`)
}
