/** Every code {@link ServeError} carries. The README has a line for each. */
export type ServeErrorCode =
  | "ADDRESS_UNAVAILABLE"
  | "LISTEN_FAILED"
  | "PORT_FORBIDDEN"
  | "PORT_IN_USE";

/** Why a server did not start. Tell the cases apart by `code`. */
export class ServeError extends Error {
  override readonly name = "ServeError";
  readonly code: ServeErrorCode;

  constructor(code: ServeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What `listen` failed with, in words that tell the cure. */
export function listenError(error: NodeJS.ErrnoException, host: string, port: number): ServeError {
  const cause = { cause: error };
  if (error.code === "EADDRINUSE") {
    const message = `Port ${port} on ${host} is taken by another process. Stop that one, or choose another port (0: any free one).`;
    return new ServeError("PORT_IN_USE", message, cause);
  }
  if (error.code === "EACCES") {
    const message = `This user may not listen on port ${port} of ${host}. Choose one above 1023.`;
    return new ServeError("PORT_FORBIDDEN", message, cause);
  }
  if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND") {
    const message = `${host} is no address of this machine. Try 127.0.0.1, or 0.0.0.0 for all.`;
    return new ServeError("ADDRESS_UNAVAILABLE", message, cause);
  }
  return new ServeError(
    "LISTEN_FAILED",
    `Could not listen on ${host}:${port}: ${error.message}`,
    cause,
  );
}
