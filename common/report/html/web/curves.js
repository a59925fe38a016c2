// Rate-distortion curves and BD-rates of one section:
// {unit, metrics, parts, curves: [{name, label, kind, points}], bd}.

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
          text: points.map((p) => `<b>${wrapped(curve.label)}</b><br>${escaped(p.at)}`), name: curve.name,
          mode: "lines+markers",
          line: { color: colour(style.colour), width: crowded ? 1.4 : style.width, dash: style.dash },
          marker: { symbol: style.marker, size: crowded ? 5 : style.size, color: colour(style.colour) },
          hovertemplate: `%{text}<br>%{x:.4f} bpp<br>%{y:${decibels ? ".2f" : ".4g"}} ${escaped(metric.unit)}<extra></extra>`,
        };
      });
      draw(plot, traces, layout("bits per pixel", metric.axis, view(traces, data.curves, shown, decibels)));
    }
  }

  select?.addEventListener("change", drawAll);
  legend(place.querySelector(".legend"), data.curves.map((curve) => ({ ...curve, style: styleOf(curve) })), shown, drawAll);
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

// A button for each of [{label, kind, style}] that hides and shows what belongs to it.
function legend(place, entries, shown, changed) {
  const buttons = entries.map((entry, n) => {
    const button = made("button", { type: "button" }, swatch(entry.style), entry.label);
    button.addEventListener("click", () => { shown[n] = !shown[n]; update(); });
    return button;
  });
  const choices = [["all", () => true]];
  if (entries.length > 6) choices.push(["none", () => false]);
  if (new Set(entries.map((entry) => entry.kind === "run")).size > 1) choices.push(["runs only", (e) => e.kind === "run"]);
  const all = entries.length < 3 ? [] : choices.map(([name, wanted]) => {
    const button = made("button", { type: "button", className: "all", textContent: name });
    button.addEventListener("click", () => { entries.forEach((entry, n) => { shown[n] = wanted(entry); }); update(); });
    return button;
  });
  const mark = () => buttons.forEach((button, n) => button.setAttribute("aria-pressed", shown[n]));
  function update() {
    mark();
    changed();
  }
  place.replaceChildren(...all, ...buttons);
  mark();
}

function swatch(style) {
  const dashes = { solid: "", dash: "6 4", dot: "2 3", dashdot: "7 3 2 3" }[style.dash];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("width", 26); svg.setAttribute("height", 12); svg.setAttribute("aria-hidden", "true");
  const stroke = `stroke="var(--${style.colour})"`, open = style.marker?.endsWith("-open");
  const shape = style.marker ? SHAPES[style.marker.replace("-open", "")] : "";
  svg.innerHTML = `<g opacity="${style.opacity ?? 1}">` +
    `<line x1="0" y1="6" x2="26" y2="6" ${stroke} stroke-width="${style.width}" stroke-dasharray="${dashes}"/>` +
    `<path d="${shape}" ${stroke} fill="var(--${open ? "card" : style.colour})"/></g>`;
  return svg;
}

const SHAPES = {
  circle: "M9 6a4 4 0 1 0 8 0a4 4 0 1 0-8 0", square: "M9.5 2.5h7v7h-7z", diamond: "M13 1l5 5-5 5-5-5z",
  "triangle-up": "M13 1.5l4.5 8h-9z", cross: "M11.5 2h3v2.5H17v3h-2.500V10h-3V7.500H9v-3h2.500z",
  star: "M13 1l1.500 3.500 3.500.3-2.700 2.400.9 3.600-3.200-2-3.200 2 .9-3.600L8 4.800l3.500-.3z",
  "triangle-down": "M13 10.500l4.500-8h-9z", pentagon: "M13 1.500l4.500 3.500-1.700 5h-5.600L8.500 5z",
};

// Every curve against the chosen one, best first: of the means as Python compared them, or of one photograph or clip.
function bdRates(place, data) {
  const names = Object.fromEntries(data.metrics.map((metric) => [metric.key, metric.title]));
  const select = place.querySelector("select"), keys = Object.keys(data.bd);
  const part = place.parentElement.querySelector("select[name=part]");

  function compared(key, anchor, test) {
    const { curves, cells, notes } = data.bd[key];
    if (!part?.value) {
      const found = cells[curves.indexOf(anchor)]?.[curves.indexOf(test)];
      return found && { percent: found[0], overlap: found[1], notes: (found[2] ?? []).map((n) => notes[n]),
        interval: found[3] };
    }
    const i = data.metrics.findIndex((metric) => metric.key === key) + 1, { sign, unit } = data.metrics[i - 1];
    const [a, b] = [anchor, test].map((n) => ({
      name: data.curves[n].label,
      points: data.curves[n].points.map((p) => p.parts[part.value]).filter(Boolean)
        .map((p) => [p[0], p[i] === null ? null : sign * p[i]]),
    }));
    return bdRate(a, b, names[key], unit);
  }

  function show() {
    const anchor = Number(select.value);
    const tests = [...new Set(keys.flatMap((key) => data.bd[key].curves))].filter((n) => n !== anchor);
    const rows = tests.map((n) => ({ n, cells: keys.map((key) => compared(key, anchor, n)) }));
    const rank = ({ cells }) => cells[0]?.percent ?? Infinity;
    rows.sort((a, b) => (rank(a) === rank(b) ? a.n - b.n : rank(a) - rank(b)));
    const all = rows.flatMap(({ cells }) => cells).filter(Boolean);
    const most = Math.max(1, ...all.map(({ percent }) => Math.abs(percent ?? 0)));
    const notes = [...new Set(all.flatMap((found) => found.notes))];
    const head = made("tr", {}, made("th", { textContent: "curve" }),
      ...keys.map((key) => made("th", { className: "n", colSpan: 2, textContent: names[key] })));
    const body = rows.map(({ n, cells }) => made("tr", {},
      made("td", {}, swatch(styleOf(data.curves[n])), ` ${data.curves[n].label}`),
      ...cells.flatMap((found) => bdCells(found, most, notes))));
    place.querySelector(".wide").replaceChildren(made("table", {}, head, ...body));
    const name = data.curves[anchor].label;
    place.querySelector(".of").textContent = part?.value ? `on ${data.parts[part.value]}` : place.dataset.mean;
    const how = data.method === "pchip" || part?.value ? "PCHIP" : data.method === "akima" ? "Akima" : "a cubic fit";
    const brackets = all.some(({ percent, overlap }) => percent !== null && overlap < MIN_OVERLAP)
      ? " In brackets: the part of the quality range that both cover, where it is below 75 %." : "";
    const interval = all.some((found) => found.interval)
      ? " In square brackets: the 95 % interval over the pictures of the test set, in percent." : "";
    const legend = `Bits at equal quality compared with ${name} (${how}); negative: fewer bits.`;
    const between = made("span", { className: "between", textContent: interval });
    place.querySelector(".notes").replaceChildren(made("p", { className: "note" }, legend, between, brackets),
      ...(data.curves[anchor].settings ? [made("p", { className: "note", textContent: data.curves[anchor].settings })] : []),
      ...notes.map((note, n) => made("p", { className: "note doubt" }, made("sup", { textContent: n + 1 }), ` ${note}.`)));
  }

  select.addEventListener("change", show);
  part?.addEventListener("change", show);
  show();
}

// A figure, with the numbers of its notes, and beside it a bar as long as it is large.
function bdCells(found, most, notes) {
  if (!found) return [made("td", { colSpan: 2 })];
  const { percent, overlap, interval } = found;
  const numbers = found.notes.map((note) => notes.indexOf(note) + 1).join(", ");
  const marks = numbers ? [made("sup", { textContent: numbers })] : [];
  if (percent === null) return [made("td", { className: "n", colSpan: 2 }, "not comparable", ...marks)];
  const whole = (text) => made("span", { textContent: text }); // is not broken
  const shared = overlap < MIN_OVERLAP ? [" ", whole(`(${Math.floor(100 * overlap)} %)`)] : [];
  const between = interval ? [" ", made("small", { className: "between", textContent: `[${interval.map(signed).join(", ")}]` })] : [];
  const said = [whole(`${signed(percent)} %`), ...between, ...shared];
  const title = `Both curves cover ${Math.floor(100 * overlap)} % of their quality range.`;
  const bar = made("i", { className: percent < 0 ? "less" : "more" });
  bar.style.width = `${Math.min(100, (100 * Math.abs(percent)) / most)}%`;
  return [made("td", { className: "n", title }, ...said, ...marks), made("td", { className: "length" }, bar)];
}

const signed = (percent) => `${percent < 0 ? "−" : "+"}${Math.abs(percent).toFixed(1)}`;
