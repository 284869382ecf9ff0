import { assert, describe, it } from "@effect/vitest"
import { excerpt, redactCause } from "../src/internal/redact.ts"

const told = (message: string) => redactCause(new Error(message), "the-token").message

describe("the error of a runtime", () => {
  it("keeps of a URL where it leads, and nothing that may be secret", () => {
    assert.strictEqual(
      told(
        "no URL with credentials: https://me:word@host.example:7880/rtc/v1/validate?key=hidden&access_token=the-token."
      ),
      "no URL with credentials: https://host.example:7880/rtc/v1/validate."
    )
    assert.strictEqual(told('Failed to parse "wss://host/?key=hidden#part"'), 'Failed to parse "wss://host/"')
    assert.strictEqual(told("ws://me@host refused, then ws://other"), "ws://host refused, then ws://other")
    assert.strictEqual(told("what? an e-mail of me@host"), "what? an e-mail of me@host")
  })

  it("is one line", () => {
    assert.strictEqual(told("wrong version number:tls.c:77:\n"), "wrong version number:tls.c:77:")
  })
})

describe("an excerpt", () => {
  it("is one line of at most 200 characters, without what steers a terminal", () => {
    assert.strictEqual(excerpt("<html>\r\n  <h1>502</h1>\u001b[2J\n"), "<html> <h1>502</h1> [2J")
    assert.strictEqual(excerpt("x".repeat(3_000)).length, 200)
  })
})
