/**
 * Data packets: making, encoding and reading them.
 */
import { DataPacket, type DataPacket_Kind, UserPacket } from "@livekit/protocol"
import type { Kind } from "./DataChannel.ts"

/**
 * What a packet carries: the oneof of protobuf's `DataPacket`.
 *
 * @category models
 */
export type Packet = Exclude<DataPacket["value"], { readonly case: undefined }>

/**
 * A packet that came in, and on which kind of channel.
 *
 * @category models
 */
export interface ReceivedPacket {
  readonly kind: Kind
  /** Sender, sequence and contents; `value.case` says what it is. */
  readonly packet: DataPacket
}

const encoder = new TextEncoder()

/**
 * An application's own data. Text is sent as UTF-8.
 *
 * @example
 * ```ts
 * import { Packet } from "effect-livekit"
 *
 * const hello = Packet.user("hello", { topic: "chat" })
 * ```
 *
 * @category constructors
 */
export const user = (
  payload: Uint8Array | string,
  options: { readonly topic?: string | undefined; readonly nonce?: Uint8Array | undefined } = {}
): Packet => {
  const value = new UserPacket()
  value.payload = bytesOf(payload)
  if (options.topic !== undefined) value.topic = options.topic
  if (options.nonce !== undefined) value.nonce = bytesOf(options.nonce)
  return { case: "user", value }
}

// protobuf asks for bytes over an ArrayBuffer; a view of shared memory is copied out of it.
const bytesOf = (data: Uint8Array | string): Uint8Array<ArrayBuffer> =>
  typeof data === "string" ? encoder.encode(data) : isUnshared(data) ? data : new Uint8Array(data)

const isUnshared = (data: Uint8Array): data is Uint8Array<ArrayBuffer> => data.buffer instanceof ArrayBuffer

/**
 * The bytes of a packet with a sequence (0: none).
 *
 * @category encoding
 */
export const encode = (
  packet: Packet,
  kind: Kind,
  destinationIdentities: ReadonlyArray<string>,
  sequence: number
): Uint8Array => {
  const message = new DataPacket()
  message.kind = kinds[kind]
  message.value = packet
  if (destinationIdentities.length > 0) message.destinationIdentities = [...destinationIdentities]
  message.sequence = sequence
  return write(message)
}

/**
 * As `toBinary`, which copies a payload twice. What is encoded without it and then with it alone, one after the other, is the
 * whole message: fields may come in any order. The packet is the application's, so it gets its payload back.
 */
const write = (message: DataPacket): Uint8Array => {
  const { value } = message
  if (value.case !== "user") return message.toBinary()
  const { payload } = value.value
  message.value = { case: undefined }
  value.value.payload = nothing
  try {
    const head = message.toBinary()
    const fields = value.value.toBinary()
    const size = fields.length + 1 + sizeOfVarint(payload.length) + payload.length
    const bytes = new Uint8Array(head.length + 1 + sizeOfVarint(size) + size)
    bytes.set(head)
    let at = writeLength(bytes, head.length, userField, size)
    bytes.set(fields, at)
    at = writeLength(bytes, at + fields.length, payloadField, payload.length)
    bytes.set(payload, at)
    return bytes
  } finally {
    value.value.payload = payload
    message.value = value
  }
}

const nothing = new Uint8Array(0)
/** Tags of `DataPacket.user` and `UserPacket.payload`: field 2, length-delimited. */
const [userField, payloadField] = [0x12, 0x12]

const sizeOfVarint = (value: number): number => (value < 0x80 ? 1 : 1 + sizeOfVarint(value >>> 7))

/** A tag and a length; where the contents begin. */
const writeLength = (bytes: Uint8Array, at: number, tag: number, length: number): number => {
  bytes[at++] = tag
  for (; length >= 0x80; length >>>= 7) bytes[at++] = (length & 0x7f) | 0x80
  bytes[at++] = length
  return at
}

const kinds: Readonly<Record<Kind, DataPacket_Kind>> = { reliable: 0, lossy: 1 }

/**
 * Gives an encoded packet another sequence.
 *
 * @category encoding
 */
export const renumber = (bytes: Uint8Array, sequence: number): Uint8Array => {
  const message = DataPacket.fromBinary(bytes)
  message.sequence = sequence
  return write(message)
}

/**
 * Reads bytes that {@link encode} made.
 *
 * @category encoding
 */
export const decode = (bytes: Uint8Array): DataPacket => DataPacket.fromBinary(bytes)
