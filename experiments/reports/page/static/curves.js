// The curves: a line for each searcher, by the chosen axis and rule; also shows the parts that depend on these choices.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const narrow = matchMedia("(max-width: 640px)");
const coarse = matchMedia("(pointer: coarse)");
const IN_THE_DARK = { "#0072B2": "#56B4E9", "#000000": "#e4e7ea", "#777777": "#a3abb3" };

const inkOf = (colour) => (dark.matches ? (IN_THE_DARK[colour] ?? colour) : colour);
const faded = (colour, opacity) =>
  `rgba(${[1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)).join(",")},${opacity})`;

function drawCurves() {
  const axis = byId("axis").value;
  for (const part of document.querySelectorAll("[data-rule]")) {
    part.hidden = part.dataset.rule !== rule() || (part.dataset.axis !== undefined && part.dataset.axis !== axis);
  }
  const figure = data.curves[rule()];
  if (!byId("plot") || !figure) return;
  const traces = [ // the searchers last, on top
    ...(figure.greedy === null ? [] : [greedyTrace(figure, axis)]),
    ...figure.references.flatMap((line) => lineTraces(line, axis, false)),
    ...figure.earlier.flatMap((line) => earlierTraces(line, axis)),
    ...figure.lines.flatMap((line) => lineTraces(line, axis, true)),
  ];
  const first = !byId("plot").data;
  Plotly.react("plot", traces, layout(figure, axis), {
    displaylogo: false,
    responsive: true,
    showTips: false,
    plotlyServerURL: "", // Plotly's own buttons would offer to send the curves there
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
    toImageButtonOptions: { format: "svg", filename: "curves" },
  });
  if (first) followZoom();
}

// The points that have a place on the axis, from left to right.
const placed = (line, axis) =>
  line.points.filter((point) => point.at[axis] > 0).sort((a, b) => a.at[axis] - b.at[axis]);

function lineTraces(line, axis, band) {
  const points = placed(line, axis);
  if (!points.length) return [];
  const x = points.map((point) => point.at[axis]);
  const colour = inkOf(line.look.colour);
  const drawn = {
    type: "scatter",
    mode: line.look.marker || points.length === 1 ? "lines+markers" : "lines",
    name: line.look.label,
    legendgroup: line.name,
    legendrank: band ? 1 : 2,
    x,
    y: points.map((point) => 100 * point.accuracy),
    text: points.map((point) => hover(line, point, axis)),
    hovertemplate: "%{text}<extra></extra>",
    line: { color: colour, dash: line.look.dash, width: band ? 2.4 : 1.6 },
    marker: { symbol: line.look.marker || "circle", size: band ? 9 : 5, color: colour, line: { width: 1, color: paper() } },
  };
  if (!band) return [drawn];
  if (points.length === 1) {
    const up = points.map((p) => 100 * (p.high - p.accuracy));
    const down = points.map((p) => 100 * (p.accuracy - p.low));
    return [{ ...drawn, error_y: { type: "data", symmetric: false, array: up, arrayminus: down, color: colour } }];
  }
  const area = {
    type: "scatter",
    mode: "lines",
    legendgroup: line.name,
    showlegend: false,
    hoverinfo: "skip",
    x: [...x, ...x.toReversed()],
    y: [...points.map((p) => 100 * p.low), ...points.map((p) => 100 * p.high).reverse()],
    fill: "toself",
    fillcolor: faded(colour, 0.1),
    line: { width: 0 },
  };
  return [area, drawn];
}

// The accuracy if the largest run had ended earlier: a thin line without points.
function earlierTraces(line, axis) {
  const points = placed(line, axis);
  if (!points.length) return [];
  const colour = inkOf(line.look.colour);
  return [
    {
      type: "scatter",
      mode: "lines",
      legendgroup: line.name,
      showlegend: false,
      x: points.map((point) => point.at[axis]),
      y: points.map((point) => 100 * point.accuracy),
      text: points.map((p) => `<b>${line.look.label}, ended earlier</b><br>accuracy ${percent(p.accuracy)} %<br>` +
        `${amount(p.at[axis])} ${axisLabel(axis)}`),
      hovertemplate: "%{text}<extra></extra>",
      line: { color: faded(colour, 0.7), width: 1 },
    },
  ];
}

function greedyTrace(figure, axis) {
  const places = figure.lines.flatMap((line) => placed(line, axis).map((point) => point.at[axis]));
  const ends = [Math.min(...places), Math.max(...places)];
  return {
    type: "scatter",
    mode: "lines",
    name: "greedy",
    legendrank: 3,
    x: ends,
    y: ends.map(() => 100 * figure.greedy),
    hovertemplate: `<b>greedy</b><br>accuracy ${percent(figure.greedy)} %<extra></extra>`,
    line: { color: inkOf("#000000"), width: 1 },
  };
}

function hover(line, point, axis) {
  const scale = point.scale === null ? "" : `, ${data.scale} = ${amount(point.scale)}`;
  const cost = axis === "n" ? [] : [`${amount(point.at[axis])} ${axisLabel(axis)}`];
  return [
    `<b>${line.look.label}${scale}</b>`,
    `accuracy ${percent(point.accuracy)} %  (${percent(point.low)} to ${percent(point.high)})`,
    ...cost,
  ].join("<br>");
}

// Ticks at 1, 2 and 5 times every power of ten between the ends; Plotly's own ticks for less than one decade.
function decades(places) {
  if (!(places.at(-1) > 10 * places[0])) return { tickmode: "auto" };
  const powers = [];
  for (let p = Math.floor(Math.log10(places[0] ?? 1)); p <= Math.ceil(Math.log10(places.at(-1) ?? 1)); p += 1) powers.push(p);
  const steps = narrow.matches ? [1] : [1, 2, 5];
  const ticks = powers.flatMap((power) => steps.map((step) => [step, power]));
  const text = ([step, p]) => (p < 6 ? amount(step * 10 ** p) : `${step === 1 ? "" : `${step}×`}10<sup>${p}</sup>`);
  return { tickmode: "array", tickvals: ticks.map(([step, power]) => step * 10 ** power), ticktext: ticks.map(text) };
}

// Plotly chooses the ticks while zoomed in; the ticks above return when the zoom is reset.
function followZoom() {
  byId("plot").on("plotly_relayout", (change) => {
    if ("xaxis.range[0]" in change) Plotly.relayout("plot", { "xaxis.tickmode": "auto" });
    else if (change["xaxis.autorange"]) drawCurves();
  });
}

const axisLabel = (axis) => data.axes.find(([name]) => name === axis)[1];
const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const paper = () => variable("--surface");

function layout(figure, axis) {
  const all = [...figure.lines, ...figure.references].flatMap((line) => placed(line, axis));
  const grid = { gridcolor: variable("--line"), linecolor: variable("--line"), zeroline: false, automargin: true };
  const exact = [...new Set(all.map((point) => point.at[axis]))].sort((a, b) => a - b);
  const ticks = axis === "n" && exact.length <= 10
    ? { tickmode: "array", tickvals: exact, ticktext: exact.map(amount) }
    : decades(exact);
  return {
    autosize: true,
    margin: { l: 52, r: 12, t: 28, b: narrow.matches ? 165 : 92 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 13, color: variable("--ink") },
    hoverlabel: { bgcolor: paper(), bordercolor: variable("--edge"), font: { color: variable("--ink") }, align: "left" },
    hovermode: "closest",
    dragmode: coarse.matches ? false : "zoom",
    legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0, font: { size: 13 } },
    xaxis: { ...grid, ...ticks, type: "log", title: { standoff: 8, text: axis === "n" ? axisLabel(axis) : `${axisLabel(axis)} per problem` } },
    yaxis: { ...grid, title: { text: "accuracy, %" }, rangemode: "nonnegative" },
  };
}

for (const query of [dark, narrow]) query.addEventListener("change", drawCurves);
