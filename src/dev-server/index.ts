/**
 * A LiveKit-compatible room server for demos and tests.
 */
export * as AccessToken from "./AccessToken.ts"
export * as DevServer from "./DevServer.ts"
