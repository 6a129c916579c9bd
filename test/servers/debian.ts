/**
 * Programs of Debian's packages, unpacked into the cache and not installed: no service is set up,
 * nothing starts with the machine, and no root is needed where the package lists are there.
 */
import { globSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { obtain, type Run } from "./obtain.ts"

export interface DebianProgram {
  /** Folder of the cache. */
  readonly name: string
  readonly packages: readonly string[]
  readonly providedBy: string
  readonly runs: (folder: string) => boolean
}

/** The folder that the packages are unpacked in, as if it were `/`. */
export const obtainDebian = ({ packages, ...program }: DebianProgram): Promise<string> =>
  obtain({
    ...program,
    make: async (folder, run) => {
      await download(folder, packages, run)
      for (const file of readdirSync(folder).filter((one) => one.endsWith(".deb"))) {
        await run("dpkg-deb", ["--extract", join(folder, file), folder])
        rmSync(join(folder, file))
      }
    },
  })

/** The environment in which an unpacked program finds the libraries unpacked beside it. */
export const withLibrariesOf = (folder: string): Readonly<Record<string, string>> => ({
  LD_LIBRARY_PATH: globSync("usr/lib/*-linux-gnu*", { cwd: folder })
    .map((path) => join(folder, path))
    .join(":"),
})

async function download(folder: string, packages: readonly string[], run: Run): Promise<void> {
  const get = () => run("apt-get", ["--quiet", "download", ...packages], { cwd: folder })
  try {
    await get()
  } catch {
    // A new machine has no package lists, an older one has lists of versions that are gone.
    const [command = "", ...args] = [...asRoot(), "apt-get", "--quiet", "update"]
    await run(command, args)
    await get()
  }
}

const asRoot = (): readonly string[] => (process.getuid?.() === 0 ? [] : ["sudo", "-n"])
