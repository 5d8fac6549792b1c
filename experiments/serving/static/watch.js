// Asks for a search, draws its tree as it grows, and shows what it came to. Texts of models become text nodes only.
"use strict";

const DRAWN = 400; // milliseconds between two drawings at least
let current = null; // the search that runs: {number, abort, began, tree, details}

const chosenModel = () => data.models.find((model) => model.id === byId("model").value);

function setUp() {
  options(byId("model"), data.models.map((model) => [model.id, model.label]));
  byId("model").value = (data.models.find((model) => model.id.endsWith("/mcts")) ?? data.models[0]).id;
  options(byId("selection"), [["", "the server's rule"], ...Object.entries(data.rules).filter(([name]) => name !== "oracle")]);
  byId("model").addEventListener("change", showScale);
  byId("example").addEventListener("click", () => {
    byId("question").value = data.example;
    byId("question").focus();
  });
  byId("stop").addEventListener("click", stop);
  byId("ask").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    search();
  });
  showScale();
}

function showScale() {
  const model = chosenModel();
  byId("knob").textContent = model.knob;
  Object.assign(byId("scale"), { value: model.scale, max: model.most });
}

function headers() {
  const key = byId("key")?.value;
  return { "Content-Type": "application/json", ...(key && { Authorization: `Bearer ${key}` }) };
}

function request() {
  const selection = byId("selection").value;
  return JSON.stringify({ model: byId("model").value, messages: [{ role: "user", content: byId("question").value }],
    stepsearch: { n: Number(byId("scale").value), ...(selection && { selection }) } });
}

// Figures that change twice a second are not read aloud.
function say(words, failed = false, aloud = true) {
  byId("status").setAttribute("aria-live", aloud ? "polite" : "off");
  byId("status").textContent = words;
  byId("status").className = failed ? "status failed" : "status";
}

async function search() {
  current?.abort.abort();
  const mine = (current = { number: null, abort: new AbortController(), began: Date.now(), drawn: 0,
    tree: { kind: "", nodes: { parent: [], text: [], score: [], state: [], at: [], answer: [] }, rules: {}, populations: [], answers: [] },
    details: { texts: [], formulas: [], answers: {} } });
  byId("result").replaceChildren();
  byId("live").replaceChildren();
  byId("stop").disabled = false;
  say("searching …");
  try {
    const response = await fetch("search", { method: "POST", headers: headers(), body: request(), signal: mine.abort.signal });
    if (!response.ok) throw new Error((await response.json()).error.message);
    for await (const [name, told] of eventsOf(response.body)) if (mine === current) HEARD[name]?.(mine, told);
    if (mine === current && mine.number !== "done") throw new Error("the server closed the connection");
  } catch (error) {
    if (mine === current) say(`No answer: ${error.message}`, true);
  } finally {
    if (mine === current) byId("stop").disabled = true;
  }
}

function stop() {
  byId("stop").disabled = true;
  if (current?.number) fetch(`search/${current.number}/stop`, { method: "POST", headers: headers() }).catch(() => null);
  else current?.abort.abort();
}

// The server-sent events of a response, [name, data].
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let left = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (left + value).split("\n\n");
    left = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]));
      if (fields.event) yield [fields.event, JSON.parse(fields.data)];
    }
  }
}

const HEARD = {
  began: (mine, { number }) => (mine.number = number),
  grown: (mine, told) => {
    add(mine, told.grown);
    const seconds = ((Date.now() - mine.began) / 1000).toFixed(0);
    say(told.waiting ? `waiting for its turn, ${seconds} s`
      : `searching: ${count(mine.tree.nodes.parent.length, "step")}, ${count(told.solutions, "solution")}, ${amount(told.generated_tokens)} tokens written, ${count(told.requests, "request")}, ${seconds} s`, false, false);
    if (told.grown.nodes.parent.length && Date.now() - mine.drawn > DRAWN) draw(mine);
  },
  answer: (mine, told) => {
    mine.number = "done";
    byId("live").replaceChildren();
    byId("rule").value = told.summary.rule;
    byId("result").replaceChildren(...result(told));
    showPath(document.querySelector("#result .tall"));
    say(ENDS[told.summary.stopped] ?? "");
  },
  error: (mine, told) => {
    mine.number = "done";
    say(`No answer: ${told.error.message}`, true);
  },
};

const ENDS = { done: "The search has ended.", budget: "The search was stopped at its limit; this is what it has.", cancelled: "Stopped; this is what the search has." };

function add({ tree, details }, grown) {
  tree.kind = grown.kind;
  for (const [name, values] of Object.entries(grown.nodes)) tree.nodes[name].push(...values);
  tree.answers.push(...grown.answers);
  details.texts.push(...grown.texts);
  details.formulas.push(...grown.formulas);
}

function draw(mine) {
  mine.drawn = Date.now();
  const view = viewOf(mine.details, mine.tree);
  const scale = el("p", { class: "legend muted" }, `score ${score(view.colour.low)} `, el("span", { class: "scale", "aria-hidden": "true" }), ` ${score(view.colour.high)}`);
  const box = el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Drawing of the tree so far" }, drawing(view, () => null));
  byId("live").replaceChildren(el("h2", {}, "The tree so far"), scale, box);
  box.scrollTop = box.scrollHeight;
}

function result({ summary, finish, text, tree, details }) {
  const answer = summary.answer === null
    ? el("p", { class: "notice" }, finish === "length" ? "No solution finished; this is the best path so far." : "The solution has no final answer.")
    : el("p", { class: "reply" }, "Answer: ", answered(summary.answer, details));
  const [first] = summary.votes;
  const said = summary.votes.reduce((sum, vote) => sum + vote.solutions, 0);
  const trust = summary.trust === null ? null : `The scorer gives this solution ${score(summary.trust)}${summary.trusted ? "" : ", which is no trust"}`;
  const parts = [el("h2", {}, "Answer"), answer,
    first ? el("p", {}, [trust, `${first.solutions} of ${count(said, "solution")} with this answer`].filter(Boolean).join("; "), ".") : null,
    el("h3", {}, "Solution"), el("div", { class: "question" }, texts(details.texts[text], details.formulas)), el("h3", {}, "Cost"), costs(summary.cost)];
  if (!tree) return [...parts, el("p", { class: "notice" }, "The tree is too large for this page.")];
  return [...parts, ...treeParts(details, { tree, selections: {} })];
}

// What both models did, a row each.
function costs(cost) {
  const known = cost.flops !== null && cost.scorer_flops !== null;
  const rows = [
    ["policy", cost.generated_tokens, cost.prompt_tokens_computed, cost.prompt_tokens_cached, cost.policy_calls, known ? cost.flops - cost.scorer_flops : null],
    ["scorer", 0, cost.scorer_tokens_computed, cost.scorer_tokens_cached, cost.scorer_calls, cost.scorer_flops],
  ];
  const heads = ["", "tokens written", "tokens read", "from its cache", "requests", "FLOPs"];
  return el("div", {}, el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Cost of both models" }, el("table", { class: "both" },
    el("thead", {}, el("tr", {}, ...heads.map((head, place) => el("th", { scope: "col", class: place ? "number" : null }, head)))),
    el("tbody", {}, ...rows.map(([name, ...figures]) => el("tr", {}, el("th", { scope: "row" }, name), ...figures.map((figure) => el("td", { class: "number" }, amount(figure)))))))),
    el("p", { class: "muted" }, `${cost.seconds.toFixed(1)} s in all`));
}

setUp();
