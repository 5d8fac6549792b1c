// Helpers shared by all parts of the page: data, elements, numbers, colours, addresses. Texts become text nodes only.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

// An element; attribute names come from this code only, children are nodes or texts.
function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
    } else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const options = (select, entries) =>
  select.replaceChildren(...entries.map(([value, label]) => el("option", { value }, String(label))));

// numbers

const percent = (share) => (100 * share).toFixed(1);

function amount(value) {
  if (value === null || value === undefined) return "unknown";
  if (Math.abs(value) >= 1e7) return value.toExponential(2).replace("e+", "e");
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(+value.toPrecision(3));
}

const count = (number, thing) => `${number.toLocaleString("en")} ${thing}${number === 1 ? "" : "s"}`;

function score(value) {
  if (value === null || value === undefined) return "–";
  return Math.abs(value) < 1000 ? value.toFixed(Math.abs(value) < 10 ? 3 : 1) : value.toPrecision(4);
}

// colours: vermillion, yellow, blue; distinguishable with colour blindness and in greyscale

const STOPS = [[170, 60, 0], [230, 140, 60], [250, 232, 180], [130, 180, 220], [0, 80, 140]];

// Relative luminance (WCAG 2); above 0.179 black text is more readable than white.
function luminance(parts) {
  const [red, green, blue] = parts.map((part) => (part <= 10 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function scoreColour(share) {
  if (share === null || Number.isNaN(share)) return { background: "transparent", ink: "inherit" };
  const place = Math.min(1, Math.max(0, share)) * (STOPS.length - 1);
  const below = Math.min(Math.floor(place), STOPS.length - 2);
  const mix = STOPS[below].map((from, i) => Math.round(from + (STOPS[below + 1][i] - from) * (place - below)));
  return { background: `rgb(${mix.join(",")})`, ink: luminance(mix) > 0.179 ? "#000" : "#fff" };
}

// addresses: #view, or #problem=ID&cell=mcts-16&seed=0

function address() {
  const words = location.hash.slice(1);
  const parts = new URLSearchParams(words);
  if (parts.has("problem")) {
    return { view: "problem", problem: parts.get("problem"), cell: parts.get("cell"), seed: parts.get("seed") };
  }
  return { view: ["problems", "run"].includes(words) ? words : "overview" };
}

const problemHash = (problem, cell, seed) =>
  "#" + new URLSearchParams({ problem, ...(cell && { cell }), ...(seed !== undefined && seed !== null && { seed }) });

const rule = () => byId("rule")?.value ?? null;
