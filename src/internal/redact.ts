/**
 * Makes an error of a runtime safe to show: its name, code and message, without the secret and without the objects that hang
 * on it.
 */
export const redactCause = (cause: unknown, secret: string): Error => {
  const clean = (text: string) => (secret === "" ? text : text.replaceAll(secret, "<redacted>"))
  const chain: Array<string> = []
  let current: unknown = cause
  while (current instanceof Error && chain.length < 4) {
    const code = "code" in current && typeof current.code === "string" ? ` (${current.code})` : ""
    if (current.message !== "") chain.push(clean(`${current.message}${code}`))
    else if (code !== "") chain.push(code.trim())
    current = current.cause
  }
  return new Error(chain.length > 0 ? chain.join(": ") : clean(String(cause)))
}
