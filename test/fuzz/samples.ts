/**
 * What a well-behaved far end sends, to begin from.
 */
import {
  ActiveSpeakerUpdate,
  ConnectionQualityUpdate,
  DataPacket,
  JoinResponse,
  LeaveRequest,
  LeaveRequest_Action,
  MuteTrackRequest,
  ParticipantInfo,
  ParticipantUpdate,
  Pong,
  ReconnectResponse,
  RequestResponse,
  Room,
  RoomMovedResponse,
  RoomUpdate,
  SessionDescription,
  SignalResponse,
  SpeakersChanged,
  StreamStateUpdate,
  SubscribedQualityUpdate,
  SubscriptionPermissionUpdate,
  SubscriptionResponse,
  TrackInfo,
  TrackPublishedResponse,
  TrackSubscribed,
  TrackUnpublishedResponse,
  TrickleRequest,
  UserPacket
} from "@livekit/protocol"

export const sdp = [
  "v=0",
  "o=- 1 1 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "a=group:BUNDLE 0 1",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "c=IN IP4 0.0.0.0",
  "a=mid:0",
  "a=ice-ufrag:linked1",
  "a=ice-pwd:linked1000000000000000",
  "a=fingerprint:sha-256 00:11:22",
  "a=setup:actpass",
  "a=sctp-port:5000",
  "a=max-message-size:262144",
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
  "a=mid:1",
  "a=sendrecv",
  "a=msid:stream track",
  "a=rtpmap:96 VP8/90000",
  "a=fmtp:97 apt=96",
  "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
  ""
].join("\r\n")

const participant = new ParticipantInfo({
  sid: "PA_bob",
  identity: "bob",
  tracks: [new TrackInfo({ sid: "TR_1", name: "camera" })]
})
const candidateInit = JSON.stringify({ candidate: "candidate:1 1 udp 1 127.0.0.1 9 typ host ufrag x", sdpMid: "0" })

const messages: ReadonlyArray<SignalResponse["message"]> = [
  { case: "join", value: new JoinResponse({ participant, pingInterval: 5, pingTimeout: 15 }) },
  { case: "reconnect", value: new ReconnectResponse({ lastMessageSeq: 3 }) },
  { case: "offer", value: new SessionDescription({ type: "offer", sdp, id: 1 }) },
  { case: "answer", value: new SessionDescription({ type: "answer", sdp, id: 1 }) },
  { case: "trickle", value: new TrickleRequest({ candidateInit, target: 1 }) },
  { case: "update", value: new ParticipantUpdate({ participants: [participant] }) },
  { case: "roomUpdate", value: new RoomUpdate({ room: new Room({ name: "room" }) }) },
  { case: "speakersChanged", value: new SpeakersChanged() },
  { case: "mute", value: new MuteTrackRequest({ sid: "TR_1", muted: true }) },
  { case: "connectionQuality", value: new ConnectionQualityUpdate() },
  { case: "streamStateUpdate", value: new StreamStateUpdate() },
  { case: "subscribedQualityUpdate", value: new SubscribedQualityUpdate({ trackSid: "TR_1" }) },
  { case: "subscriptionPermissionUpdate", value: new SubscriptionPermissionUpdate({ trackSid: "TR_1" }) },
  { case: "subscriptionResponse", value: new SubscriptionResponse({ trackSid: "TR_1" }) },
  { case: "trackPublished", value: new TrackPublishedResponse({ cid: "c", track: new TrackInfo({ sid: "TR_1" }) }) },
  { case: "trackUnpublished", value: new TrackUnpublishedResponse({ trackSid: "TR_1" }) },
  { case: "trackSubscribed", value: new TrackSubscribed({ trackSid: "TR_1" }) },
  { case: "requestResponse", value: new RequestResponse({ requestId: 1, message: "no" }) },
  { case: "refreshToken", value: "not a token" },
  { case: "roomMoved", value: new RoomMovedResponse({ token: "not a token", participant }) },
  { case: "pong", value: 1n },
  { case: "pongResp", value: new Pong({ lastPingTimestamp: 1n, timestamp: 2n }) },
  { case: "leave", value: new LeaveRequest({ action: LeaveRequest_Action.RESUME }) }
]

export const frames = messages.map((message) => new SignalResponse({ message }).toBinary())

export const packets = [
  new DataPacket({
    value: { case: "user", value: new UserPacket({ payload: new TextEncoder().encode("hello"), topic: "chat" }) },
    sequence: 7,
    participantSid: "PA_bob",
    participantIdentity: "bob"
  }),
  new DataPacket({ value: { case: "speaker", value: new ActiveSpeakerUpdate() } }),
  new DataPacket({ sequence: 4_294_967_295, participantSid: "PA_bob" }),
  new DataPacket()
].map((packet) => packet.toBinary())

export const regions = JSON.stringify({
  regions: [
    { region: "ofrankfurt", url: "wss://ofrankfurt.livekit.cloud", distance: "12345" },
    { region: "ochicago", url: "wss://ochicago.livekit.cloud", distance: "7000000" }
  ]
})
