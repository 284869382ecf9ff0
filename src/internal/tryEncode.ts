import { DataChannelError, InvalidPacket } from "../DataChannelError.ts"

/** Fails as a value: it is asked for with every packet. */
export const tryEncode = (encode: () => Uint8Array): Uint8Array | DataChannelError => {
  try {
    return encode()
  } catch (cause) {
    return new DataChannelError({ reason: new InvalidPacket({ cause }) })
  }
}
