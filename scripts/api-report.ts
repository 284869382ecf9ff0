/**
 * Writes the public surface of every entry point to `etc/api`, so that a change of it is seen in review; with `--check` it fails
 * if what is there is not what the code says. Reads `dist`: build first.
 */
import { Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor"
import { existsSync, mkdirSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")
const isCheck = process.argv.includes("--check")
const entries = [
  "index",
  "node/index",
  "browser/index",
  "wrtc/index",
  "testing/index",
  "dev-server/index",
  "FlightRecorder",
  "FlightEntry",
  "FlightRecording"
]
const quiet = { default: { logLevel: ExtractorLogLevel.None } }

mkdirSync(join(root, "etc/api"), { recursive: true })
const changed = entries.filter((entry) => {
  const mainEntryPointFilePath = join(root, "dist", `${entry}.d.ts`)
  if (!existsSync(mainEntryPointFilePath))
    throw new Error(`there is no ${mainEntryPointFilePath}; run npm run build first`)
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, "package.json"),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath,
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: "es2023",
            module: "nodenext",
            moduleResolution: "nodenext",
            strict: true,
            skipLibCheck: true,
            lib: ["es2023", "dom", "dom.iterable"],
            types: ["node"]
          },
          files: [mainEntryPointFilePath]
        },
        skipLibCheck: true
      },
      apiReport: {
        enabled: true,
        reportFileName: entry === "index" ? "effect-livekit" : entry.replace("/index", ""),
        reportFolder: join(root, "etc/api"),
        reportTempFolder: join(root, ".tmp/api"),
        includeForgottenExports: false
      },
      newlineKind: "lf",
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: { compilerMessageReporting: quiet, extractorMessageReporting: quiet, tsdocMessageReporting: quiet }
    }
  })
  const result = Extractor.invoke(config, {
    localBuild: !isCheck,
    messageCallback: (message) => {
      message.handled = true
    }
  })
  return result.apiReportChanged
})

if (changed.length > 0) console.log(`the public surface of ${changed.join(", ")} is not what etc/api says`)
else console.log(`the public surface of ${entries.length} entry points is as etc/api says`)
if (isCheck && changed.length > 0) {
  console.log("if that is meant, run: npm run api:report")
  process.exit(1)
}
