// @ts-check
// A square for each answer of a storm, filled as far as the answer has come.

const gap = 2;
const smallest = 8;
const largest = 28;

/** @param {HTMLCanvasElement} canvas */
export function createField(canvas) {
  /** @type {readonly import("./reception.js").Reception[]} */
  let receptions = [];
  new ResizeObserver(paint).observe(/** @type {HTMLElement} */ (canvas.parentElement));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", paint);

  return {
    /** @param {readonly import("./reception.js").Reception[]} all @param {string} description */
    draw(all, description) {
      receptions = all;
      canvas.setAttribute("aria-label", description);
      paint();
    },
  };

  function paint() {
    const width = canvas.parentElement?.clientWidth ?? 0;
    const context = canvas.getContext("2d");
    if (!context || receptions.length === 0 || width === 0) return;
    // About a third as high as wide.
    const step = Math.round(
      Math.min(largest, Math.max(smallest, Math.sqrt((width * width) / 3 / receptions.length))),
    );
    const columns = Math.max(1, Math.floor((width + gap) / step));
    const height = Math.ceil(receptions.length / columns) * step - gap;
    const scale = devicePixelRatio;
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.height = `${height}px`;
    context.scale(scale, scale);

    // As the style sheet has them for this scheme.
    const { color: fault, borderTopColor: empty } = getComputedStyle(canvas);
    const lightness = dark.matches ? 58 : 48;
    const side = step - gap;
    for (const [index, reception] of receptions.entries()) {
      const x = (index % columns) * step;
      const y = Math.floor(index / columns) * step;
      context.fillStyle = empty;
      context.fillRect(x, y, side, side);
      const wrong = !reception.faultless || reception.failure !== undefined;
      const filled = wrong ? side : side * Math.min(1, reception.progress);
      context.fillStyle = wrong ? fault : `hsl(${(index * 47) % 360} 55% ${lightness}%)`;
      context.fillRect(x, y + side - filled, side, filled);
    }
  }
}
