/**
 * The far end, the network and the clock in the hands of a test.
 */
export * as TestSocket from "./TestSocket.ts"
