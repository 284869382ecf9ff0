/**
 * A full garbage collection, for native handles that nothing else frees.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** The collector, to be called when nothing refers any more to what is to go. */
export const collector = (): (() => void) => {
  setFlagsFromString("--expose-gc")
  const collect: unknown = runInNewContext("gc")
  setFlagsFromString("--no-expose-gc")
  return typeof collect === "function" ? () => void collect() : () => {}
}

/** Collects once the current turn of the event loop is over, when the caller's references are gone. */
export const collectSoon = () => void setImmediate(collector())
