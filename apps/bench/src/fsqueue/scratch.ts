import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";

/** Beside this package, since the system's folder for temporary files may be in memory. */
export const workFolder: string = join(import.meta.dirname, "../../node_modules/.bench");

/** Do something in an empty folder, which is removed afterwards. */
export async function inScratch<T>(run: (dir: string) => Promise<T>): Promise<T> {
  const dir = await createScratch();
  try {
    return await run(dir);
  } finally {
    await removeScratch(dir);
  }
}

export async function createScratch(): Promise<string> {
  await mkdir(workFolder, { recursive: true });
  return mkdtemp(join(workFolder, "data-"));
}

export async function removeScratch(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true });
}
