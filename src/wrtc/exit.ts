/**
 * The end of a process that has used wrtc.
 *
 * When Node takes its environment down, it finalizes the objects of wrtc that are left in any order, and they use each other: the
 * process then faults or aborts after all JavaScript has run. `process.exit` takes nothing down, and the system frees what is
 * left. So a process that ends by itself ends like that too.
 */
import process from "node:process"

/** To be called once there is anything of wrtc; any number of times. */
export const exitWithoutTeardown = () => {
  if (!process.listeners("beforeExit").includes(onIdle)) process.on("beforeExit", onIdle)
}

const exit = (code: number) => process.exit(code)

/** Nothing is left to be done, unless another listener finds something. */
const onIdle = () => {
  // Last of all listeners, because no other one is called afterwards.
  process.off("exit", exit)
  process.on("exit", exit)
  // Runs only if the process goes on. Were the listener still there then, it would hide why an uncaught error ends the process.
  setImmediate(() => process.off("exit", exit)).unref()
}
