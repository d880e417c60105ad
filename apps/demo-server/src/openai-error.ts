import { failureOf, statusOfFailure } from "./errors.ts";

/** An error as OpenAI's clients expect it. */
export interface OpenAiError {
  readonly status: number;
  readonly body: {
    readonly error: {
      readonly message: string;
      readonly type: "invalid_request_error" | "rate_limit_error" | "server_error";
      readonly param: string | null;
      readonly code: string;
    };
  };
}

/** A request that cannot be answered; to be thrown. */
class Refusal extends Error {
  readonly code: string;
  readonly statusCode: number;
  readonly param: string | null;

  constructor(code: string, statusCode: number, param: string | null, message: string) {
    super(message);
    this.code = code;
    this.statusCode = statusCode;
    this.param = param;
  }
}

/** Why a request is refused, under the code that OpenAI has for it where there is one. */
export function refuse(code: string, param: string | null, message: string, status = 400): Error {
  return new Refusal(code, status, param, message);
}

/** Whatever a request or an answer failed with. */
export function openAiErrorOf(error: unknown): OpenAiError {
  const { statusCode, param, validation } = error as {
    statusCode?: number;
    param?: string | null;
    validation?: readonly { instancePath: string; params: { missingProperty?: string } }[];
  };
  const { code, message } = failureOf(error);
  const status = statusCode ?? statusOfFailure(code);
  const [invalid] = validation ?? [];
  return {
    status,
    body: {
      error: {
        message,
        type:
          status === 429
            ? "rate_limit_error"
            : status < 500
              ? "invalid_request_error"
              : "server_error",
        param: invalid === undefined ? (param ?? null) : paramOf(invalid),
        code: invalid === undefined ? code : "invalid_request",
      },
    },
  };
}

/** `/messages/0/role` is `messages[0].role`. */
function paramOf({
  instancePath,
  params: { missingProperty },
}: {
  instancePath: string;
  params: { missingProperty?: string };
}): string {
  return `${instancePath}${missingProperty === undefined ? "" : `/${missingProperty}`}`
    .replaceAll(/\/(\d+)(?=\/|$)/g, "[$1]")
    .replaceAll("/", ".")
    .replace(/^\./, "");
}
