/**
 * Failures of sending over a data channel. They concern the call that failed and never drive recovery.
 */
import * as Data from "effect/Data"

/**
 * The channel is not open, or did not open in time.
 *
 * @category reasons
 */
export class NotOpen extends Data.TaggedError("NotOpen")<{ readonly label: string }> {
  override get message() {
    return `data channel ${this.label} is not open`
  }
}

/**
 * The channel was closed.
 *
 * @category reasons
 */
export class ChannelClosed extends Data.TaggedError("ChannelClosed")<{ readonly label: string }> {
  override get message() {
    return `data channel ${this.label} is closed`
  }
}

/**
 * The encoded packet is larger than the far end accepts (D2: `a=max-message-size`). Nothing was sent and the channel is
 * still usable.
 *
 * @category reasons
 */
export class PacketTooLarge extends Data.TaggedError("PacketTooLarge")<{
  /** Encoded size in bytes. */
  readonly size: number
  /** Largest size in bytes that may be sent. */
  readonly max: number
}> {
  override get message() {
    return `the packet takes ${this.size} bytes, the limit is ${this.max}; split it (15,360 bytes of payload is a good size)`
  }
}

/**
 * The packet has a value that cannot be encoded, such as a number where a string belongs. Nothing was sent and no sequence taken.
 *
 * @category reasons
 */
export class InvalidPacket extends Data.TaggedError("InvalidPacket")<{ readonly cause: unknown }> {
  override get message() {
    return `the packet cannot be encoded: ${String(this.cause)}`
  }
}

/**
 * The sender asked not to wait (`whenFull: "fail"`) and there is no room.
 *
 * @category reasons
 */
export class BufferFull extends Data.TaggedError("BufferFull")<{
  readonly buffered: number
  readonly capacity: number
}> {
  override get message() {
    return `${this.buffered} of ${this.capacity} bytes are waiting to be sent; slow down, or let sends wait`
  }
}

/**
 * The runtime refused the bytes.
 *
 * @category reasons
 */
export class SendFailed extends Data.TaggedError("SendFailed")<{
  readonly label: string
  readonly cause: unknown
}> {
  override get message() {
    return `sending on data channel ${this.label} failed`
  }
}

/**
 * Everything that can go wrong with sending on a channel.
 *
 * @category reasons
 */
export type DataChannelErrorReason = NotOpen | ChannelClosed | PacketTooLarge | InvalidPacket | BufferFull | SendFailed

/**
 * The one error of sending data; `reason` says which failure it was.
 *
 * @category errors
 */
export class DataChannelError extends Data.TaggedError("DataChannelError")<{
  readonly reason: DataChannelErrorReason
}> {
  override get message() {
    return this.reason.message
  }
  override readonly cause = this.reason
}
