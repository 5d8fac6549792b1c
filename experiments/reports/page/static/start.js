// Draws the view named by the address, now and whenever the address changes.
"use strict";

function route() {
  const target = address();
  for (const view of document.querySelectorAll(".view")) view.hidden = view.id !== `view-${target.view}`;
  const page = target.view === "problem" ? "problems" : target.view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (target.view === "overview") drawCurves();
  if (target.view === "problems") filterProblems();
  if (target.view === "problem") openProblem(target);
}

setUpFilters();
byId("axis").addEventListener("change", drawCurves);
byId("rule")?.addEventListener("change", route);
addEventListener("hashchange", () => {
  route();
  scrollTo(0, 0);
});
route();
