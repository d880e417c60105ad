// @ts-check

/** @param {string} id */
export const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Its place among its siblings, from 0. @param {Element} child */
export function numberOf(child) {
  return Array.prototype.indexOf.call(child.parentElement?.children ?? [], child);
}

/** @param {string} path @param {object} body @returns {Promise<any>} */
export async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error?.message ?? `status ${response.status}`);
  return answer;
}
