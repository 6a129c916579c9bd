/** A process whose clock is off, by Debian's libfaketime; its monotonic clock goes as it does. */
import { existsSync, globSync } from "node:fs"
import { join } from "node:path"
import { obtainDebian } from "./debian.ts"

const libraryIn = (folder: string) =>
  globSync("usr/lib/*/faketime/libfaketimeMT.so.1", { cwd: folder })[0] ?? ""

/** The environment of a process that is so many minutes ahead, or behind. */
export async function clockOff(minutes: number): Promise<Readonly<Record<string, string>>> {
  const folder = await obtainDebian({
    name: "libfaketime",
    runs: (part) => libraryIn(part) !== "" && existsSync(join(part, libraryIn(part))),
    packages: ["libfaketime"],
    providedBy: "Debian's apt-get and dpkg-deb",
  })
  return {
    LD_PRELOAD: join(folder, libraryIn(folder)),
    FAKETIME: `${minutes < 0 ? "" : "+"}${minutes}m`,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  }
}
