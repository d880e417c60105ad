// A flow as the body of a Fetch Response; its session lives until the body has been read.
import { session } from "@lazy/context";
import { flow } from "@lazy/flow";

const count = flow<number>("count").step("numbers", async function* (n) {
  for (let i = 1; i <= n; i += 1) yield `${session.current().id} ${i}\n`;
});

function handle(request: Request): Response {
  const { pathname } = new URL(request.url);
  return session.run({ id: pathname.slice(1) }, () => {
    const body = count.stream(2).toReadable().pipeThrough(new TextEncoderStream());
    return new Response(body, { headers: { "content-type": "text/plain" } });
  });
}
console.log(await handle(new Request("http://localhost/ada")).text());

// Prints:
// ada 1
// ada 2
