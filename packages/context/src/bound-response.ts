/** A Response with another body. Status, headers, and what `fetch` told about it stay. */
export function withBody(response: Response, body: ReadableStream): Response {
  const { status, statusText, headers, url, redirected, type } = response;
  const bound = new Response(body, { status, statusText, headers });
  if (url !== "") {
    Object.defineProperties(bound, {
      url: { value: url },
      redirected: { value: redirected },
      type: { value: type },
    });
  }
  return bound;
}
