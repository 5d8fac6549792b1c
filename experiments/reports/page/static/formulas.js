// Texts in pieces: a string is text, a number is a formula's place. Formulas are built of the elements below, without
// any attribute that comes from the data.
"use strict";

const MATHML = "http://www.w3.org/1998/Math/MathML";
const ELEMENTS = new Set(
  ("mrow mi mn mo mtext mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd mphantom").split(" "),
);

function texts(pieces, formulas) {
  const span = el("span", { class: "text" });
  for (const piece of pieces) span.append(typeof piece === "number" ? formula(formulas[piece]) : piece);
  return span;
}

// An answer, isolated, as formulas where `where` (the page's data, or a problem's) has its pieces.
function answered(text, where, name = "answer") {
  const known = Object.hasOwn(where.answers, text);
  return el("bdi", { class: name, title: known ? text : null }, known ? texts(where.answers[text], where.formulas) : text);
}

function formula([source, block, tree]) {
  try {
    const math = document.createElementNS(MATHML, "math");
    if (block) math.setAttribute("display", "block");
    math.setAttribute("aria-label", source);
    math.append(built(tree));
    return math;
  } catch {
    return document.createTextNode(source);
  }
}

function built([tag, ...children]) {
  if (tag !== "boxed" && !ELEMENTS.has(tag)) throw new Error("unknown element");
  const node = document.createElementNS(MATHML, tag === "boxed" ? "mrow" : tag);
  if (tag === "boxed") node.setAttribute("class", "boxed");
  for (const child of children) node.append(typeof child === "string" ? child : built(child));
  return node;
}
