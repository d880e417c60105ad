import { defineGlobals, session } from "@lazy/context";
import { withSession } from "@lazy/context/fetch";

const chat = defineGlobals({ tokens: 0 });

const handler = withSession(async (request: Request) => {
  session.current().onDispose(({ status }) => console.log(`${chat.tokens} tokens, ${status}`));
  const words = new URL(request.url).searchParams.get("say")!.split(" ");
  const body = new ReadableStream({
    pull(controller) {
      const word = words[chat.tokens++];
      if (word === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(`${word} `));
    },
  });
  return new Response(body);
});

const response = await handler(new Request("http://localhost/?say=one+two+three"));
console.log((await response.text()).trim());
// prints 4 tokens, ok
// prints one two three
