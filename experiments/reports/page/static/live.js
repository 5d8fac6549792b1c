// Reloads the page when it has been rewritten, unless it is paused; says where it is rewritten no more.
"use strict";

const written = Number(document.body.dataset.written);
const every = Number(document.body.dataset.every);
const pause = document.getElementById("pause");

function reload() {
  if (pause.getAttribute("aria-pressed") === "false") location.reload();
}

if (every) {
  setInterval(reload, 1000 * every);
  pause.hidden = false;
  pause.addEventListener("click", () => {
    pause.setAttribute("aria-pressed", String(pause.getAttribute("aria-pressed") === "false"));
  });
  const age = Date.now() / 1000 - written;
  if (age > 3 * every + 30) {
    const old = document.getElementById("old");
    old.textContent = `This page was written ${Math.round(age / 60) || "less than 1"} min ago, and nothing rewrites it now: stepsearch report with live= was stopped.`;
    old.hidden = false;
  }
}
