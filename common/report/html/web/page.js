"use strict";
// The page opens from disk, so all it needs is in it: what is large is gzipped, which the browser undoes.

async function unpacked(name) {
  const bytes = Uint8Array.from(atob(document.getElementById(name).textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function made(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// What tells curves apart: colour first, then marker and dash, so that twenty of them differ without colour, too.
const COLOURS = 8, GREYS = 4;
const MARKERS = ["circle", "square", "diamond", "triangle-up", "cross", "star", "triangle-down", "pentagon"];
const DASHES = ["solid", "dash", "dot", "dashdot"];
const runNames = [], otherNames = [];

function styleOf(curve) {
  const names = curve.kind === "run" ? runNames : otherNames;
  if (!names.includes(curve.name)) names.push(curve.name);
  const n = names.indexOf(curve.name);
  if (curve.kind !== "run") {
    return { colour: `grey${n % GREYS}`, dash: curve.kind === "published" ? "dash" : ["solid", "dot", "dashdot"][n % 3],
             marker: MARKERS[n % 8] + "-open", width: 1.4, size: 5 };
  }
  const round = Math.floor(n / COLOURS);
  return { colour: `c${n % COLOURS}`, dash: DASHES[round % 4], marker: MARKERS[(n + round) % 8], width: 2.4, size: 8 };
}

function layout(xTitle, yTitle, more = {}) {
  const axis = { gridcolor: colour("line"), linecolor: colour("line"), zeroline: false, automargin: true,
                 tickcolor: colour("line") };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "closest",
    font: { family: "system-ui, sans-serif", size: 13, color: colour("ink") },
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink") }, align: "left" },
    margin: { l: 50, r: 10, t: 10, b: 45 },
    // A finger that moves over a plot scrolls the page.
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    xaxis: { ...axis, title: { text: xTitle, standoff: 8 }, ...more.x },
    yaxis: { ...axis, title: { text: yTitle, standoff: 8 }, ...more.y },
  };
}

function draw(place, traces, shape) {
  // What is printed cannot wait until plotly has measured its place.
  const printed = document.documentElement.classList.contains("paper");
  Object.assign(shape, printed ? { width: place.clientWidth, height: place.clientHeight } : { autosize: true });
  return Plotly.react(place, traces, shape, { responsive: true, displaylogo: false, displayModeBar: false,
                                              doubleClick: "reset" });
}

const redraws = []; // what is to be drawn again where light turns to dark
const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => redraws.forEach((again) => again()));

// On paper it is light, and as wide as a sheet.
function paper(on) {
  document.documentElement.classList.toggle("paper", on);
  redraws.forEach((again) => again());
}
window.addEventListener("beforeprint", () => paper(true));
window.addEventListener("afterprint", () => paper(false));

async function start() {
  document.querySelectorAll(".gallery").forEach(gallery);
  const data = JSON.parse(await unpacked("data"));
  // In this order curves get their colours.
  data.sections.forEach((section) => section.curves.forEach(styleOf));
  data.training.forEach((run) => styleOf({ name: run.curve, kind: "run" }));
  document.querySelectorAll(".bd").forEach((place) => bdRates(place, data.sections[place.dataset.section]));
  for (const place of document.querySelectorAll(".gallery")) nameGallery(place, data.sections[place.dataset.section]);
  if (document.getElementById("plotly")) {
    document.head.append(made("script", { textContent: await unpacked("plotly") }));
    document.querySelectorAll(".rd").forEach((place) => rdCurves(place, data.sections[place.dataset.section]));
    document.querySelectorAll(".training").forEach((place) => trainingCurves(place, data.training));
  }
  document.documentElement.dataset.ready = "yes";
}

window.addEventListener("DOMContentLoaded", () => {
  start().catch((error) => {
    const text = `The curves could not be drawn (${error.message}); the tables below are complete.`;
    document.querySelector("header").append(made("p", { className: "bad", textContent: text }));
    document.documentElement.dataset.ready = "failed";
    throw error;
  });
});
