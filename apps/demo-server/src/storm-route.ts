import type { FastifyInstance } from "fastify";
import { nanoid } from "nanoid";
import type { Mode } from "./answers.ts";
import { DemoError } from "./errors.ts";
import { fingerprint } from "./model.ts";
import { answerTo } from "./seeded-model.ts";
import type { Serving } from "./server.ts";
import { promptsFromDocumentation } from "./storm/prompts.ts";

/** In a shared session each reader gets the tokens of all: as many events as the square of the sessions. */
const mostShared = 50;
const mostWriting = 2000;

/** What `POST /storm` answers. */
interface Storm {
  readonly mode: Mode;
  /** Tokens of others that the beginning of an answer dropped. */
  readonly wiped: number;
  /** What there is to follow, and what a right answer is called and how long it is. */
  readonly answers: readonly { id: string; answer: string; tokens: number }[];
}

/** `POST /storm`: begin many answers at once, to prompts no two of which are alike. */
export function serveStorm(server: FastifyInstance, { answers, mode: usual }: Serving): void {
  server.post<{ Body: { sessions: number; mode?: Mode } }>(
    "/storm",
    { schema: { body: stormBody } },
    async (request, reply) => {
      const { sessions, mode = usual } = request.body;
      if (!answers.model.seeded) {
        const message = "a storm needs the seeded generator: nobody else's answers can be checked";
        throw new DemoError("STORM_UNAVAILABLE", 409, message);
      }
      if (mode === "shared" && sessions > mostShared) {
        const message = `a storm in a shared session may have ${mostShared} answers, not ${sessions}`;
        throw new DemoError("STORM_TOO_LARGE", 400, message);
      }
      if (answers.stats().writing + sessions > mostWriting) {
        const message = `${answers.stats().writing} answers are being written: wait for them`;
        throw new DemoError("STORM_RUNNING", 429, message);
      }
      const prefix = `storm-${nanoid(8)}`;
      const prompts = await promptsFromDocumentation(sessions);
      const begun = await Promise.all(
        prompts.map(async (prompt, index) => {
          const id = `${prefix}-${index}`;
          const question = { messages: [{ role: "user" as const, content: prompt }] };
          const { wiped } = await answers.start({ id, question, mode });
          const about = { id, answer: fingerprint(prompt), tokens: answerTo(prompt).length };
          return { about, wiped };
        }),
      );
      const storm: Storm = {
        mode,
        wiped: begun.reduce((sum, { wiped }) => sum + wiped, 0),
        answers: begun.map(({ about }) => about),
      };
      return reply.code(201).send(storm);
    },
  );
}

const stormBody = {
  type: "object",
  required: ["sessions"],
  properties: {
    sessions: { type: "integer", minimum: 1, maximum: 1000 },
    mode: { enum: ["isolated", "shared"] },
  },
};
