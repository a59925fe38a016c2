// BD-rates of the points of one photograph or clip, as common/results/bd.py has them of the means: PCHIP of log10(rate) over
// quality, and the same notes on figures that are not to be trusted.

const MIN_OVERLAP = 0.75, LEAST_RANGE = 0.5; // of the quality range in dB that two curves should share
const CLOSE = 0.1, APART = Math.log10(1.1); // neighbours that are one point in dB and two in bits
const SPAN = 20; // dB that two curves cover as a rule: the scale of a quality that has none
const DIFFERS = Math.log10(1.02); // from straight lines between the points

// {percent, overlap, notes} of curves {name, points: [[bpp, quality or null], …]}, more being better; percent is null
// where nothing is compared. A quality that is not in dB has another unit or "".
function bdRate(anchor, test, label, unit = "dB") {
  const notes = [];
  const [a, b] = [anchor, test].map((curve) => usable(curve, notes));
  if (Math.min(a.x.length, b.x.length) < 2) {
    const few = a.x.length < 2 ? anchor : test;
    const count = Math.min(a.x.length, b.x.length) ? "one point only" : "no point";
    return { percent: null, overlap: 0, notes: [...notes, `${few.name} has ${count} with ${label}, two are needed`] };
  }
  const low = Math.max(a.x[0], b.x[0]), high = Math.min(a.x.at(-1), b.x.at(-1));
  const joint = Math.max(a.x.at(-1), b.x.at(-1)) - Math.min(a.x[0], b.x[0]);
  const overlap = Math.max(0, (high - low) / joint);
  if (overlap <= 0) {
    notes.push(`the qualities of ${anchor.name} and ${test.name} do not overlap`);
    return { percent: null, overlap, notes };
  }
  const [mean, straight] = [slopes, null].map(
    (tangents) => (integral(b, tangents, low, high) - integral(a, tangents, low, high)) / (high - low));
  const scale = unit === "dB" ? 1 : joint / SPAN;
  notes.push(...doubts([anchor.name, test.name], [a, b], label, low, high, mean, straight, scale));
  return { percent: Math.abs(mean) < 100 ? growth(mean) : null, overlap, notes };
}

const growth = (log10) => 100 * (10 ** log10 - 1);

// {x: dB, y: log10(bpp)}, both strictly rising; what is left out is added to the notes.
function usable({ name, points }, notes) {
  const known = points.filter(([bpp, quality]) => bpp > 0 && quality !== null && Number.isFinite(quality));
  const rising = [];
  for (const [bpp, quality] of [...known].sort((p, q) => p[0] - q[0] || q[1] - p[1])) {
    const last = rising.at(-1);
    if (!last || (quality > last[1] && bpp > last[0])) rising.push([bpp, quality]);
  }
  const dropped = known.length - rising.length;
  if (dropped) notes.push(`${dropped} of ${name}'s points left out: more bits without more quality`);
  return { x: rising.map((point) => point[1]), y: rising.map((point) => Math.log10(point[0])) };
}

function doubts(names, curves, label, low, high, mean, straight, scale) {
  const notes = [], amount = (quality) => (scale === 1 ? decibels(quality) : String(Number(quality.toPrecision(2))));
  if (high - low < LEAST_RANGE * scale) notes.push(`${names[0]} and ${names[1]} share ${amount(high - low)} only`);
  curves.forEach(({ x, y }, n) => {
    const i = x.findIndex((_, k) => k + 1 < x.length && x[k] < high && x[k + 1] > low
      && x[k + 1] - x[k] < CLOSE * scale && y[k + 1] - y[k] > APART);
    if (i >= 0) {
      notes.push(`${names[n]}: two neighbouring points are ${amount(x[i + 1] - x[i])} apart and ` +
        `${bits(y[i + 1] - y[i])}, so the figure hangs on small changes of quality`);
    }
  });
  if (!(Math.abs(mean - straight) <= DIFFERS)) {
    const said = `${growth(straight) < 0 ? "−" : "+"}${Math.abs(growth(straight)).toFixed(1)} %`;
    notes.push(`${names[1]} against ${names[0]}: with straight lines between the points ${label} gives ${said}`);
  }
  return notes;
}

const decibels = (distance) => `${Number(distance.toPrecision(2))} dB`;
const times = (factor) => (factor < 999.5 ? `${Number(factor.toPrecision(3))}`
  : factor.toExponential(2).replace(/\.?0*e/, "e").replace(/\+(\d)$/, "+0$1"));
const bits = (distance) => (distance > 1 ? `${times(10 ** Math.min(distance, 300))} times the bits`
  : `${growth(distance).toFixed(distance > 0.05 ? 0 : 1)} % of bits`);

// The integral from low to high of what goes through the points: cubics with these slopes at them, or straight lines.
function integral({ x, y }, tangents, low, high) {
  const d = tangents?.(x, y);
  let sum = 0;
  for (let k = 0; k + 1 < x.length; k++) {
    const from = Math.max(low, x[k]), to = Math.min(high, x[k + 1]), h = x[k + 1] - x[k];
    if (to <= from) continue;
    const [d0, d1] = d ? [d[k], d[k + 1]] : Array(2).fill((y[k + 1] - y[k]) / h);
    const area = (t) => h * (y[k] * t * (1 + t * t * (t / 2 - 1)) + y[k + 1] * t ** 3 * (1 - t / 2)
      + h * d0 * t * t * (1 / 2 + t * (t / 4 - 2 / 3)) + h * d1 * t ** 3 * (t / 4 - 1 / 3));
    sum += area((to - x[k]) / h) - area((from - x[k]) / h);
  }
  return sum;
}

// Slopes of PCHIP at every point (Fritsch and Butland, 1984), with SciPy's three-point formula at the ends.
function slopes(x, y) {
  const h = x.slice(1).map((value, k) => value - x[k]);
  const m = h.map((width, k) => (y[k + 1] - y[k]) / width);
  if (m.length === 1) return [m[0], m[0]];
  const inner = m.slice(1).map((after, k) => {
    const before = m[k], w1 = 2 * h[k + 1] + h[k], w2 = h[k + 1] + 2 * h[k];
    return before * after <= 0 ? 0 : (w1 + w2) / (w1 / before + w2 / after);
  });
  return [end(h[0], h[1], m[0], m[1]), ...inner, end(h.at(-1), h.at(-2), m.at(-1), m.at(-2))];
}

function end(h0, h1, m0, m1) {
  const d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1);
  if (Math.sign(d) !== Math.sign(m0)) return 0;
  return Math.sign(m0) !== Math.sign(m1) && Math.abs(d) > 3 * Math.abs(m0) ? 3 * m0 : d;
}
