import { defineGlobals, session } from "@lazy/context";

const search = defineGlobals(
  {
    user: "nobody",
    cache: () => new Map<string, string>(),
    tokens: 0,
    found: () => [] as string[],
  },
  {
    policy: {
      // user: a fork starts with a copy (the default), and its changes stay its own.
      cache: { fork: "share" },
      tokens: { fork: "reset", join: (parent, child) => parent + child },
      found: { fork: "reset", join: (parent, child) => [...parent, ...child] },
    },
  },
);

await session.run(async () => {
  search.user = "ada";
  await Promise.all(
    ["web", "docs"].map((source) =>
      session.fork(async () => {
        search.tokens = 10;
        search.found.push(`${source} for ${search.user}`);
        search.cache.set(source, "seen");
      }),
    ),
  );
  console.log(search.tokens, search.found, search.cache.size);
  // prints 20 [ 'web for ada', 'docs for ada' ] 2
});
