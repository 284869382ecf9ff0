/**
 * What a token grants, and whether that lets somebody in.
 */
import * as Result from "effect/Result"
import type { DialRequest, JoinParameters } from "./JoinParameters.ts"
import { Refusal } from "./Refusal.ts"

/**
 * @category models
 */
export interface Claims {
  readonly identity: string
  readonly name: string
  readonly metadata: string
  readonly attributes: Readonly<Record<string, string>>
  readonly isAgent: boolean
  readonly room: string
  readonly roomJoin: boolean
  readonly canPublish: boolean
  readonly canSubscribe: boolean
  readonly canPublishData: boolean
  readonly canUpdateOwnMetadata: boolean
  /** Seconds since 1970. */
  readonly expiresAt: number | undefined
}

/**
 * The token of a dial, if it has one; the header wins over the query.
 *
 * @category parsing
 */
export const tokenOf = ({ authorization, query }: DialRequest): Result.Result<string | undefined, Refusal> => {
  if (authorization === undefined || authorization === "") {
    return Result.succeed(query.get("access_token") || undefined)
  }
  return authorization.startsWith("Bearer ")
    ? Result.succeed(authorization.slice("Bearer ".length))
    : Result.fail(new Refusal({ status: 401, body: "invalid authorization header. Must start with Bearer " }))
}

/**
 * The answer to a dial without a token, or with one that asks for more than it grants.
 *
 * @category constants
 */
export const noPermission = new Refusal({ status: 401, body: "no permissions to access the room" })

const maxLength = 256

/**
 * Whether the claims let somebody in with these parameters; succeeds with the claims as the session has them.
 *
 * @category decisions
 */
export const admit = (claims: Claims, parameters: JoinParameters): Result.Result<Claims, Refusal> => {
  const refuse = (status: number, body: string) => Result.fail(new Refusal({ status, body }))
  if (!claims.roomJoin) return refuse(401, "permissions denied")
  if (claims.identity === "") return refuse(400, "identity cannot be empty")
  if (sizeOf(claims.identity) > maxLength) {
    return refuse(400, `participant identity length exceeds limits: max length ${maxLength}`)
  }
  if (claims.room === "") return refuse(400, "no room name")
  if (sizeOf(claims.room) > maxLength) return refuse(400, `room name length exceeds limits: max length ${maxLength}`)
  if (parameters.publish !== "" && !claims.canPublish) return Result.fail(noPermission)
  const changesOwn = parameters.metadata !== "" || Object.keys(parameters.attributes).length > 0
  if (changesOwn && !claims.canUpdateOwnMetadata) return Result.fail(noPermission)
  return Result.succeed({
    ...claims,
    identity: parameters.publish === "" ? claims.identity : `${claims.identity}#${parameters.publish}`,
    canSubscribe: claims.canSubscribe && parameters.publish === "",
    metadata: parameters.metadata === "" ? claims.metadata : parameters.metadata,
    // An attribute of the token cannot be deleted.
    attributes: {
      ...claims.attributes,
      ...Object.fromEntries(Object.entries(parameters.attributes).filter(([, value]) => value !== ""))
    }
  })
}

const encoder = new TextEncoder()

const sizeOf = (text: string) => encoder.encode(text).length
