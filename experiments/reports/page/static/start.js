// Draws what the address asks for, now and whenever it changes.
"use strict";

function route() {
  const asked = address();
  for (const view of document.querySelectorAll(".view")) view.hidden = view.id !== `view-${asked.view}`;
  const page = asked.view === "problem" ? "problems" : asked.view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (asked.view === "overview") drawCurves();
  if (asked.view === "problems") filterProblems();
  if (asked.view === "problem") openProblem(asked);
}

setUpFilters();
byId("axis").addEventListener("change", drawCurves);
byId("rule")?.addEventListener("change", route);
addEventListener("hashchange", () => {
  route();
  scrollTo(0, 0);
});
route();
