/**
 * Tokens by API key, apart because it needs `livekit-server-sdk`.
 */
import * as Redacted from "effect/Redacted"
import * as AccessToken from "../dev-server/AccessToken.ts"

export const issueToken = (
  key: { readonly apiKey: string; readonly apiSecret: Redacted.Redacted<string> },
  options: { readonly identity: string; readonly room: string }
) => AccessToken.issue({ apiKey: key.apiKey, apiSecret: Redacted.value(key.apiSecret) }, options)
