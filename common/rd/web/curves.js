// Rate-distortion curves and BD-rates of one section: {unit, metrics, parts, curves: [{name, kind, points}], bd}.

const escaped = (text) => text.replace(/[<>&]/g, (c) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;" })[c]);

function rdCurves(place, data) {
  const crowded = data.curves.length > 12;
  const shown = data.curves.map(() => true);
  const select = place.querySelector("select[name=part]");
  const note = place.querySelector("[data-seeds]");

  function figures(point) {
    const part = select ? select.value : "";
    return part === "" ? point.mean : point.parts[part];
  }

  function drawAll() {
    if (note) note.hidden = !select || select.value === "";
    for (const plot of place.querySelectorAll(".plot")) {
      const i = Number(plot.dataset.metric) + 1;
      const metric = data.metrics[i - 1], decibels = metric.unit === "dB";
      const traces = data.curves.map((curve, n) => {
        const style = styleOf(curve);
        const points = curve.points.filter((p) => figures(p) && figures(p)[i] !== null);
        return {
          x: points.map((p) => figures(p)[0]), y: points.map((p) => figures(p)[i]), visible: shown[n],
          text: points.map((p) => p.at), name: curve.name, mode: "lines+markers",
          line: { color: colour(style.colour), width: crowded ? 1.4 : style.width, dash: style.dash },
          marker: { symbol: style.marker, size: crowded ? 5 : style.size, color: colour(style.colour) },
          hovertemplate: `<b>${wrapped(curve.label)}</b><br>%{text}<br>%{x:.4f} bpp<br>%{y:${decibels ? ".2f" : ".4g"}} ${escaped(metric.unit)}<extra></extra>`,
        };
      });
      draw(plot, traces, layout("bits per pixel", metric.axis, view(traces, data.curves, shown, decibels)));
    }
  }

  select?.addEventListener("change", drawAll);
  legend(place.querySelector(".legend"), data.curves, shown, drawAll);
  redraws.push(drawAll);
  drawAll();
}

// The view follows the runs, so that classical codecs at many bits do not squeeze them into a corner; a double click
// shows it again.
function view(traces, curves, shown, decibels) {
  const all = traces.filter((trace, n) => shown[n] && trace.x.length);
  const runs = traces.filter((trace, n) => shown[n] && trace.x.length && curves[n].kind === "run");
  if (!runs.length || runs.length === all.length) return {};
  const most = Math.max(...runs.flatMap((trace) => trace.x));
  const low = Math.min(...runs.flatMap((trace) => trace.y)), high = Math.max(...runs.flatMap((trace) => trace.y));
  const right = Math.min(1.35 * most, 1.03 * Math.max(...all.flatMap((trace) => trace.x)));
  const near = all.flatMap((trace) => trace.y.filter((_, k) => trace.x[k] <= right));
  const far = decibels ? 6 : Infinity;
  const bottom = Math.max(Math.min(...near), low - far), top = Math.min(Math.max(...near), high + far);
  const margin = 0.06 * (decibels ? Math.max(top - bottom, 1) : top - bottom || 1);
  return { x: { range: [0, right] }, y: { range: [bottom - margin, top + margin] } };
}

// A long name in lines that fit on a phone, as plotly takes them.
function wrapped(name) {
  return escaped(name).replace(/(.{24,}?) /g, "$1<br>");
}

function legend(place, curves, shown, changed) {
  const buttons = curves.map((curve, n) => {
    const button = made("button", { type: "button" }, swatch(styleOf(curve)), curve.label);
    button.addEventListener("click", () => { shown[n] = !shown[n]; update(); });
    return button;
  });
  const choices = [["all", () => true]];
  if (curves.length > 6) choices.push(["none", () => false]);
  if (new Set(curves.map((curve) => curve.kind === "run")).size > 1) choices.push(["runs only", (c) => c.kind === "run"]);
  if (curves.length > 2) {
    for (const [name, wanted] of choices) {
      const button = made("button", { type: "button", className: "all", textContent: name });
      button.addEventListener("click", () => { curves.forEach((curve, n) => { shown[n] = wanted(curve); }); update(); });
      place.append(button);
    }
  }
  function update() {
    buttons.forEach((button, n) => button.setAttribute("aria-pressed", shown[n]));
    changed();
  }
  place.append(...buttons);
  buttons.forEach((button, n) => button.setAttribute("aria-pressed", shown[n]));
}

function swatch(style) {
  const dashes = { solid: "", dash: "6 4", dot: "2 3", dashdot: "7 3 2 3" }[style.dash];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("width", 26); svg.setAttribute("height", 12); svg.setAttribute("aria-hidden", "true");
  const stroke = `stroke="var(--${style.colour})"`, open = style.marker.endsWith("-open");
  svg.innerHTML = `<line x1="0" y1="6" x2="26" y2="6" ${stroke} stroke-width="${style.width}" stroke-dasharray="${dashes}"/>` +
    `<path d="${SHAPES[style.marker.replace("-open", "")]}" ${stroke} fill="var(--${open ? "card" : style.colour})"/>`;
  return svg;
}

const SHAPES = {
  circle: "M9 6a4 4 0 1 0 8 0a4 4 0 1 0-8 0", square: "M9.5 2.5h7v7h-7z", diamond: "M13 1l5 5-5 5-5-5z",
  "triangle-up": "M13 1.5l4.5 8h-9z", cross: "M11.5 2h3v2.5H17v3h-2.500V10h-3V7.500H9v-3h2.500z",
  star: "M13 1l1.500 3.500 3.500.3-2.700 2.400.9 3.600-3.200-2-3.200 2 .9-3.600L8 4.800l3.500-.3z",
  "triangle-down": "M13 10.500l4.500-8h-9z", pentagon: "M13 1.500l4.500 3.500-1.700 5h-5.600L8.500 5z",
};

// Every curve against the chosen one, best first.
function bdRates(place, data) {
  const names = Object.fromEntries(data.metrics.map((metric) => [metric.key, metric.title]));
  const select = place.querySelector("select"), keys = Object.keys(data.bd);

  function cell(key, anchor, test) {
    const { curves, cells } = data.bd[key];
    const from = curves.indexOf(anchor), to = curves.indexOf(test);
    return from < 0 || to < 0 ? null : cells[from][to];
  }

  function show() {
    const anchor = Number(select.value);
    const tests = [...new Set(keys.flatMap((key) => data.bd[key].curves))].filter((n) => n !== anchor);
    const known = tests.flatMap((n) => keys.map((key) => cell(key, anchor, n)?.[0] ?? 0)).map(Math.abs);
    const most = Math.max(1, ...known);
    const rank = (n) => cell(keys[0], anchor, n)?.[0] ?? Infinity;
    tests.sort((a, b) => rank(a) - rank(b) || a - b);
    const head = made("tr", {}, made("th", { textContent: "curve" }),
      ...keys.map((key) => made("th", { className: "n", textContent: names[key] })));
    const rows = tests.map((n) => made("tr", {}, made("td", {}, swatchOf(data.curves[n]), ` ${data.curves[n].label}`),
      ...keys.map((key) => bdCell(cell(key, anchor, n), most))));
    place.querySelector(".wide").replaceChildren(made("table", {}, head, ...rows));
  }

  select.addEventListener("change", show);
  show();
}

const swatchOf = (curve) => swatch(styleOf(curve));

function bdCell(found, most) {
  if (!found || found[0] === null) return made("td", { className: "n", textContent: found ? "not comparable" : "" });
  const [percent, overlap] = found;
  const sign = percent < 0 ? "−" : "+";
  const shared = overlap < 0.75 ? ` (${Math.floor(100 * overlap)} %)` : "";
  const cell = made("td", { className: percent < 0 ? "n less" : "n more",
                            textContent: `${sign}${Math.abs(percent).toFixed(1)} %${shared}` });
  cell.style.setProperty("--part", `${Math.min(100, (100 * Math.abs(percent)) / most)}%`);
  return cell;
}
