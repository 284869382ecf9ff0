/**
 * What a participant may say about itself: its name, its metadata, its attributes (M2).
 */
import {
  type ParticipantInfo,
  RequestResponse,
  RequestResponse_Reason,
  type UpdateParticipantMetadata
} from "@livekit/protocol"

const maxNameLength = 256
const maxMetadataSize = 512 * 1024
const maxAttributesSize = 64 * 1024

const encoder = new TextEncoder()
const sizeOf = (text: string) => encoder.encode(text).length

/** Whether a LiveKit server starts a session with metadata of this size. */
export const isMetadataTooLarge = (metadata: string): boolean => sizeOf(metadata) > maxMetadataSize

/** Answers the request; with `OK` as its reason the change may be made. */
export const answer = (canUpdate: boolean, request: UpdateParticipantMetadata): RequestResponse => {
  const { attributes, metadata, name, requestId } = request
  const reply = (reason: RequestResponse_Reason, message = "") =>
    new RequestResponse({ requestId, reason, message, request: { case: "updateMetadata", value: request } })
  const { LIMIT_EXCEEDED, NOT_ALLOWED, OK } = RequestResponse_Reason
  if (!canUpdate) return reply(NOT_ALLOWED, "does not have permission to update own metadata")
  if (sizeOf(name) > maxNameLength) return reply(LIMIT_EXCEEDED, "exceeds name length limit")
  if (isMetadataTooLarge(metadata)) return reply(LIMIT_EXCEEDED, "exceeds metadata size limit")
  const size = Object.entries(attributes).reduce((sum, [key, value]) => sum + sizeOf(key) + sizeOf(value), 0)
  return size > maxAttributesSize ? reply(LIMIT_EXCEEDED, "exceeds attributes size limit") : reply(OK)
}

/**
 * What changes, each told on its own: what is empty or as it was stays so, and an attribute that is set to nothing goes.
 */
export const changes = (
  before: Pick<ParticipantInfo, "attributes" | "metadata" | "name">,
  { attributes, metadata, name }: UpdateParticipantMetadata
): ReadonlyArray<Partial<Pick<ParticipantInfo, "attributes" | "metadata" | "name">>> => [
  ...(name === "" || name === before.name ? [] : [{ name }]),
  ...(metadata === "" || metadata === before.metadata ? [] : [{ metadata }]),
  ...(Object.keys(attributes).length === 0
    ? []
    : [
        {
          attributes: Object.fromEntries(
            Object.entries({ ...before.attributes, ...attributes }).filter(([, value]) => value !== "")
          )
        }
      ])
]
