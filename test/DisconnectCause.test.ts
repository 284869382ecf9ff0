import { assert, describe, it } from "@effect/vitest"
import { DisconnectReason, LeaveRequest, LeaveRequest_Action, ReconnectReason } from "@livekit/protocol"
import { DataChannelError, DisconnectCause, PeerConnectionError, type Recovery } from "effect-livekit"

describe("DisconnectCause.recovery", () => {
  it("does what the action of a leave says, whatever its reason (S147-S149)", () => {
    const expected: ReadonlyArray<readonly [LeaveRequest_Action, Recovery.Recovery]> = [
      [LeaveRequest_Action.RESUME, "Resume"],
      [LeaveRequest_Action.RECONNECT, "Restart"],
      [LeaveRequest_Action.DISCONNECT, "GiveUp"]
    ]
    assert.strictEqual(expected.length, numbers(LeaveRequest_Action).length, "every action of the protocol")
    for (const [action, recovery] of expected) {
      for (const reason of numbers(DisconnectReason)) {
        assert.strictEqual(DisconnectCause.recovery(leave({ action, reason })), recovery, `${action} ${reason}`)
      }
    }
  })

  it("joins afresh when an old server says that it may, and takes the action of a newer one first (S148, V32)", () => {
    for (const reason of numbers(DisconnectReason)) {
      assert.strictEqual(DisconnectCause.recovery(leave({ canReconnect: true, reason })), "Restart")
    }
    const action = LeaveRequest_Action.RESUME
    assert.strictEqual(DisconnectCause.recovery(leave({ action, canReconnect: true })), "Resume")
  })

  it("takes an action that it does not know for a goodbye", () => {
    const unknown = LeaveRequest.fromBinary(new Uint8Array([0x18, 99]))
    assert.strictEqual(unknown.action, 99)
    assert.strictEqual(DisconnectCause.recovery({ _tag: "Leave", leave: unknown }), "GiveUp")
  })

  it("resumes after the loss of a socket whatever its close code (W4, S145)", () => {
    for (const code of [1000, 1001, 1005, 1006, 1009, 1011, 3000, 4000]) {
      assert.strictEqual(DisconnectCause.recovery(closed(code)), "Resume")
    }
    assert.strictEqual(DisconnectCause.recovery(pingTimeout), "Resume")
  })

  it("asks for what each failure says of itself", () => {
    const target = "publisher"
    const { Failed, IceTimeout, CreationFailed } = PeerConnectionError
    const recoveryOf = (reason: PeerConnectionError.PeerConnectionErrorReason) =>
      DisconnectCause.recovery({ _tag: "PeerConnectionError", target, reason })
    assert.strictEqual(recoveryOf(new Failed({ target })), "Resume")
    assert.strictEqual(recoveryOf(new IceTimeout({ target, millis: 1 })), "Restart")
    assert.strictEqual(recoveryOf(new CreationFailed({ cause: "" })), "GiveUp")
    assert.strictEqual(DisconnectCause.recovery({ _tag: "PeerConnectionFailed", target }), "Resume")
    assert.strictEqual(DisconnectCause.recovery({ _tag: "Requested" }), "Resume")
    assert.strictEqual(DisconnectCause.recovery(channelLost), "Restart")
    assert.strictEqual(DisconnectCause.recovery({ _tag: "Defect", cause: "" }), "GiveUp")
  })
})

describe("DisconnectCause.reconnectReason", () => {
  it("tells the server which part failed (Q10)", () => {
    assert.deepStrictEqual(
      [
        closed(1000),
        pingTimeout,
        { _tag: "PeerConnectionFailed", target: "publisher" } as const,
        { _tag: "PeerConnectionFailed", target: "subscriber" } as const,
        { _tag: "Requested" } as const,
        leave({ action: LeaveRequest_Action.RESUME }),
        channelLost
      ].map(DisconnectCause.reconnectReason),
      [
        ReconnectReason.RR_SIGNAL_DISCONNECTED,
        ReconnectReason.RR_SIGNAL_DISCONNECTED,
        ReconnectReason.RR_PUBLISHER_FAILED,
        ReconnectReason.RR_SUBSCRIBER_FAILED,
        ReconnectReason.RR_UNKNOWN,
        ReconnectReason.RR_UNKNOWN,
        ReconnectReason.RR_UNKNOWN
      ]
    )
  })
})

describe("DisconnectCause.disconnectReason", () => {
  it("tells users the server's own reason of a leave (S149)", () => {
    for (const reason of numbers(DisconnectReason)) {
      assert.strictEqual(DisconnectCause.disconnectReason(leave({ reason })), reason)
    }
  })

  it("never says that the client wanted it when it did not", () => {
    for (const cause of [closed(1000), pingTimeout, channelLost, { _tag: "Requested" } as const]) {
      assert.notStrictEqual(DisconnectCause.disconnectReason(cause), DisconnectReason.CLIENT_INITIATED)
    }
  })
})

describe("DisconnectCause.toReason", () => {
  it("says how the socket ended, and which peer connection failed", () => {
    assert.deepInclude(DisconnectCause.toReason(closed(1011)), { _tag: "SocketLost", code: 1011, why: "bye" })
    assert.deepInclude(DisconnectCause.toReason(pingTimeout), { _tag: "SocketLost", code: 3000 })
    const failed = DisconnectCause.toReason({ _tag: "PeerConnectionFailed", target: "subscriber" })
    assert.deepInclude(failed, { _tag: "Failed", target: "subscriber" })
    const why = DisconnectReason.DUPLICATE_IDENTITY
    assert.deepInclude(DisconnectCause.toReason(leave({ reason: why })), { _tag: "Ended", why })
  })

  it("says what to do when there is no path, whoever noticed it", () => {
    const timedOut = DisconnectCause.toReason(leave({ reason: DisconnectReason.CONNECTION_TIMEOUT }))
    const failed = DisconnectCause.toReason({ _tag: "PeerConnectionFailed", target: "publisher" })
    for (const { message } of [timedOut, failed]) assert.include(message, "check that UDP or TURN")
    assert.notInclude(DisconnectCause.toReason(leave({ reason: DisconnectReason.ROOM_DELETED })).message, "UDP")
  })
})

const numbers = (of: Readonly<Record<string, string | number>>) =>
  Object.values(of).filter((value) => typeof value === "number")

const leave = (fields: ConstructorParameters<typeof LeaveRequest>[0]) =>
  ({ _tag: "Leave", leave: new LeaveRequest(fields) }) as const

const closed = (code: number) => ({ _tag: "SignalEnded", end: { _tag: "Closed", code, why: "bye" } }) as const
const pingTimeout = { _tag: "SignalEnded", end: { _tag: "PingTimeout" } } as const
const channelLost = {
  _tag: "ChannelLost",
  reason: new DataChannelError.ChannelClosed({ label: "_reliable" })
} as const
