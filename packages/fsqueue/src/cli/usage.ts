/** The command line was wrong: told with the usage, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The help, which also follows a wrong command line. */
export const usage = `lazy-queue: look into a folder of queues

  lazy-queue ls DIR [PREFIX]       the queues, with their messages, size and state
  lazy-queue cat DIR QUEUE         the messages of a queue
  lazy-queue tail DIR QUEUE        the last messages of a queue; with -f what comes, until it ends
  lazy-queue info DIR [QUEUE]      the folder, or one queue with its metadata
  lazy-queue verify DIR            check every checksum
  lazy-queue compact DIR           give back the room of what was dropped; no other process may write

  QUEUE is a name as ls prints it. All but compact only read, also while a process writes.

  --json           for machines: one JSON document, or one a line for messages and queues
  --from OFFSET    cat: begin after this offset
  -n, --limit N    cat: at most N messages; tail: the last N (10)
  -f, --follow     tail: go on until the queue ends or Ctrl-C
  --raw            cat, tail: the bytes of the messages and nothing else
  -h, --help       this
  -v, --version    the version

  Exit codes: 0 fine; 1 not found, damaged, or the queue ended badly; 2 wrong usage.
`;
