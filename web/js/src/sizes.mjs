// Separators between panes: dragged or moved by arrow keys, they set the custom property that their
// pane's size is made of. Double click or Home brings back what the style sheet has.
//
// web/index.html puts remembered sizes in place before anything is drawn.
const KEY = "svclab.sizes";
const STEP = 16;
const root = document.documentElement;

/** Of each: the size that a pointer at `event` asks for, and how far it may go, in CSS pixels. */
const KINDS = {
  left: { pane: ".pane.left", across: true, towards: 1, least: 240, most: () => innerWidth * 0.5 },
  right: { pane: ".pane.right", across: true, towards: -1, least: 280, most: () => innerWidth * 0.6 },
  dock: { pane: ".dock .terminal", across: false, towards: -1, least: 90, most: () => innerHeight * 0.7 },
  lesson: { pane: ".left .lesson", across: false, towards: 1, least: 60, most: () => innerHeight * 0.7 },
};

const kept = () => {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
};

function keep(name, size) {
  const sizes = kept();
  if (size === null) delete sizes[name];
  else sizes[name] = `${size}px`;
  try {
    localStorage.setItem(KEY, JSON.stringify(sizes));
  } catch {
    // Without storage sizes last as long as the page.
  }
}

const separator = (event) => event.target.closest?.("[role=separator][data-size]");

function sizeOf(name) {
  const box = document.querySelector(KINDS[name].pane)?.getBoundingClientRect();
  return box ? (KINDS[name].across ? box.width : box.height) : 0;
}

function set(line, size) {
  const name = line.dataset.size;
  const { least, most, across } = KINDS[name];
  const whole = Math.round(Math.min(Math.max(size, least), most()));
  root.style.setProperty(`--${name}`, `${whole}px`);
  line.setAttribute("aria-valuenow", Math.round((100 * whole) / (across ? innerWidth : innerHeight)));
  keep(name, whole);
}

function reset(line) {
  root.style.removeProperty(`--${line.dataset.size}`);
  keep(line.dataset.size, null);
}

document.addEventListener("pointerdown", (event) => {
  const line = separator(event);
  if (!line || event.button !== 0) return;
  event.preventDefault();
  line.focus();
  line.setPointerCapture(event.pointerId);
  const { across, towards } = KINDS[line.dataset.size];
  const at = (it) => (across ? it.clientX : it.clientY);
  const from = { at: at(event), size: sizeOf(line.dataset.size) };
  const move = (it) => set(line, from.size + towards * (at(it) - from.at));
  const end = () => line.removeEventListener("pointermove", move);
  line.addEventListener("pointermove", move);
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) line.addEventListener(name, end, { once: true });
});

document.addEventListener("dblclick", (event) => {
  const line = separator(event);
  if (line) reset(line);
});

document.addEventListener("keydown", (event) => {
  const line = separator(event);
  if (!line || event.ctrlKey || event.metaKey || event.altKey) return;
  const { across, towards } = KINDS[line.dataset.size];
  const steps = across ? { ArrowLeft: -1, ArrowRight: 1 } : { ArrowUp: -1, ArrowDown: 1 };
  if (event.key === "Home") reset(line);
  else if (event.key in steps) set(line, sizeOf(line.dataset.size) + towards * steps[event.key] * STEP);
  else return;
  event.preventDefault();
});
