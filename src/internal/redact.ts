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

/** In a URL anything may be secret but where it leads: users and passwords, and the queries of proxies. */
const urls = /\b(wss?|https?):\/\/(?:[^\s/?#@]*@)?([^\s?#"'<>]*)(?:[?#][^\s"'<>]*[^\s"'<>.,:;)\]])?/gi

const control = /[\u0000-\u001f\u007f-\u009f]/g

/** Text of a stranger in one line, without what moves a cursor or clears a screen. */
export const oneLine = (text: string): string => text.replaceAll(control, " ")

/** The same as part of a sentence: no indentation, and no whole page. */
export const excerpt = (text: string): string => {
  const line = oneLine(text).replaceAll(/\s+/g, " ").trim()
  return line.length > 200 ? `${line.slice(0, 199)}…` : line
}

/**
 * Makes an error of a runtime safe to show: its name, code and message in one line, without the secret, without what URLs carry,
 * and without the objects that hang on it.
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
  const text = (chain.length > 0 ? chain.join(": ") : String(cause)).replaceAll(urls, "$1://$2")
  return new Error(excerpt(redactText(text, secret)))
}
