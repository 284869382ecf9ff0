/**
 * A full garbage collection, for the one native handle that nothing else frees.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Collects once the current turn of the event loop is over, when the caller's references are gone. */
export const collectSoon = () => {
  setFlagsFromString("--expose-gc")
  const collect: unknown = runInNewContext("gc")
  if (typeof collect === "function") setImmediate(() => void Reflect.apply(collect, undefined, []))
}
