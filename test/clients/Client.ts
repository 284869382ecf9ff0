/**
 * What every LiveKit client can do that is measured and tested here, whoever made it.
 */
export interface Data {
  readonly bytes: Uint8Array
  readonly identity: string | undefined
  readonly topic: string | undefined
}

/** How the connection fares, as the client itself says. */
export type Change = "reconnecting" | "reconnected" | "disconnected"

export interface Client {
  readonly connect: (url: string, token: string) => Promise<void>
  /** Resolves when the client takes the next packet. */
  readonly send: (bytes: Uint8Array, options: { readonly reliable: boolean; readonly topic?: string }) => Promise<void>
  /** Sends packets as fast as the client takes them, in the way that its users would. */
  readonly sendAll: (
    packets: ReadonlyArray<Uint8Array>,
    options: { readonly reliable: boolean; readonly topic?: string }
  ) => Promise<void>
  readonly disconnect: () => Promise<void>
}

export interface ClientHandlers {
  readonly onData: (data: Data) => void
  readonly onChange: (change: Change) => void
}

export type MakeClient = (handlers: ClientHandlers) => Promise<Client>
