import { defineConfig } from "tsup"

export default defineConfig({
  entry: {
    index: "src/index.ts",
    cli: "src/cli.ts",
    "node/index": "src/node/index.ts",
    "browser/index": "src/browser/index.ts",
    "wrtc/index": "src/wrtc/index.ts",
    "testing/index": "src/testing/index.ts",
    "dev-server/index": "src/dev-server/index.ts"
  },
  format: ["esm"],
  dts: true,
  sourcemap: true,
  clean: true,
  target: "es2023",
  platform: "neutral",
  external: [/^node:/, "node-datachannel", "@roamhq/wrtc", "ws", "livekit-server-sdk", "effect", "@livekit/protocol"]
})
