import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

const root = new URL("../../../../", import.meta.url).pathname;

/** `count` prompts, no two alike: the sentences of this repository's documentation, in pairs when they run out. */
export async function promptsFromDocumentation(count: number): Promise<string[]> {
  const sentences = new Set<string>();
  for (const file of await documents()) {
    for (const sentence of sentencesOf(await readFile(file, "utf8"))) sentences.add(sentence);
  }
  const single = [...sentences];
  if (count > single.length * (single.length + 1)) {
    throw new RangeError(
      `the documentation has ${single.length} sentences: too few for ${count} prompts`,
    );
  }
  const prompts = single.slice(0, count);
  for (let first = 0; prompts.length < count; first++) {
    for (let second = 0; second < single.length && prompts.length < count; second++) {
      prompts.push(`${single[first]} ${single[second]}`);
    }
  }
  return prompts;
}

async function documents(): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true });
  const packages = await readdir(join(root, "packages"));
  const decisions = await readdir(join(root, "docs"), { recursive: true }).catch(() => []);
  const inPackages = packages.flatMap((name) =>
    ["README.md", "FORMAT.md"].map((file) => join("packages", name, file)),
  );
  const candidates = [
    ...entries.filter((entry) => entry.isFile()).map(({ name }) => name),
    ...inPackages,
    ...decisions.map((file) => join("docs", file)),
  ]
    .filter((file) => file.endsWith(".md"))
    .toSorted();
  const readable = await Promise.all(
    candidates.map((file) =>
      readFile(join(root, file)).then(
        () => [join(root, file)],
        () => [],
      ),
    ),
  );
  return readable.flat();
}

function sentencesOf(markdown: string): string[] {
  const prose = markdown
    .replaceAll(/^```[\s\S]*?^```/gm, "")
    .split(/\n{2,}/)
    .filter((block) => !/^\s*(\||#|<)/.test(block))
    .map((block) => block.replaceAll(/^[\s>*-]+|`/gm, "").replaceAll(/\s+/g, " "));
  const segmenter = new Intl.Segmenter("en", { granularity: "sentence" });
  return prose
    .flatMap((block) => [...segmenter.segment(block)].map(({ segment }) => segment.trim()))
    .filter((sentence) => sentence.split(" ").length >= 5 && sentence.length <= 1500);
}
