/** What an observed run reports to. */
export interface Trace {
  readonly placeholder: true;
}
