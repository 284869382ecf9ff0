/** No token, and maybe a word of what the server says of it. */
const isWord = (secret: string) => /^[a-z ]{1,19}$/i.test(secret)

/**
 * Makes text of a server safe to show, which may repeat the URL it was asked with: the secret is taken out, as it is and as a
 * query carries it. A mere word is taken out of queries only, so that "invalid token" is still said of "token".
 */
export const redactText = (text: string, secret: string): string => {
  if (secret === "") return text
  const inQuery = new URLSearchParams({ secret }).toString().slice("secret=".length)
  const before = isWord(secret) ? "access_token=" : ""
  return [secret, inQuery, inQuery.replaceAll("+", "%20")].reduce(
    (clean, form) => clean.replaceAll(`${before}${form}`, `${before}<redacted>`),
    text
  )
}

/**
 * Makes an error of a runtime safe to show: its name, code and message, without the secret and without the objects that hang
 * on it.
 */
export const redactCause = (cause: unknown, secret: string): Error => {
  const chain: Array<string> = []
  let current: unknown = cause
  while (current instanceof Error && chain.length < 4) {
    const code = "code" in current && typeof current.code === "string" ? ` (${current.code})` : ""
    if (current.message !== "") chain.push(`${current.message}${code}`)
    else if (code !== "") chain.push(code.trim())
    current = current.cause
  }
  return new Error(redactText(chain.length > 0 ? chain.join(": ") : String(cause), secret))
}
