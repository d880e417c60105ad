import { setTimeout } from "node:timers/promises";
import { defineGlobals, session } from "@lazy/context";

const chat = defineGlobals({ user: "nobody", tokens: 0 });

async function answer(user: string): Promise<string> {
  chat.user = user;
  for (let i = 0; i < 3; i++) {
    await setTimeout(1);
    chat.tokens += 1;
  }
  return `${chat.user}: ${chat.tokens} tokens`;
}

const answers = ["ada", "bob"].map((user) => session.run(() => answer(user)));
console.log(await Promise.all(answers)); // prints [ 'ada: 3 tokens', 'bob: 3 tokens' ]
