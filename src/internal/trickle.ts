/**
 * ICE candidates on the signal connection (SC26, S144).
 */
import { SignalTarget, TrickleRequest } from "@livekit/protocol"
import * as Predicate from "effect/Predicate"
import type { Target } from "../PeerConnectionError.ts"
import type { IceCandidate } from "../PeerConnectionFactory.ts"
import type { SignalRequest } from "../SignalRequest.ts"

/** Sends local candidates, keeping those that came while there was no connection. */
export interface TrickleSender {
  readonly add: (candidate: IceCandidate) => void
  readonly flush: () => void
}

export const makeSender = (target: Target, send: (request: SignalRequest) => boolean): TrickleSender => {
  const waiting: Array<SignalRequest> = []
  return {
    add: (candidate) => {
      const request: SignalRequest = { case: "trickle", value: encode(target, candidate) }
      if (waiting.length > 0 || !send(request)) waiting.push(request)
    },
    flush: () => {
      for (let next = waiting[0]; next !== undefined && send(next); next = waiting[0]) waiting.shift()
    }
  }
}

export const encode = (target: Target, { candidate, sdpMLineIndex, sdpMid }: IceCandidate) =>
  new TrickleRequest({
    target: target === "publisher" ? SignalTarget.PUBLISHER : SignalTarget.SUBSCRIBER,
    candidateInit: JSON.stringify({ candidate, sdpMLineIndex, sdpMid })
  })

/** Reads a candidate of the server; `undefined` if it is none. Unknown keys are ignored. */
export const decode = ({ candidateInit }: TrickleRequest): IceCandidate | undefined => {
  const json = parseJson(candidateInit)
  if (!Predicate.hasProperty(json, "candidate") || typeof json.candidate !== "string" || json.candidate === "") {
    return undefined
  }
  const mid = Predicate.hasProperty(json, "sdpMid") ? json.sdpMid : null
  const index = Predicate.hasProperty(json, "sdpMLineIndex") ? json.sdpMLineIndex : null
  return {
    candidate: json.candidate,
    sdpMid: typeof mid === "string" ? mid : null,
    sdpMLineIndex: typeof index === "number" ? index : null
  }
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
