import { defineConfig } from "vitest/config"

const conditions = ["@effect-livekit/source", "node", "import", "module", "default"]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: { include: ["test/**/*.test.ts", "examples/**/*.test.ts"], testTimeout: 30_000 }
})
