// Training curves of all runs: [{curve, label, setting, series: {"val/loss": [steps, values], …}}].

function trainingCurves(place, runs) {
  const find = (selector) => place.querySelector(selector);
  const metric = find("select[name=metric]"), which = find("select[name=runs]"), log = find("input[name=log]");

  function drawAll() {
    const chosen = runs.filter((run) => run.series[metric.value] && (!which || !which.value || run.curve === which.value));
    const seen = {};
    const traces = chosen.map((run) => {
      const [x, y] = run.series[metric.value];
      const nth = (seen[run.curve] = (seen[run.curve] ?? -1) + 1);
      // One curve's runs differ in dash and strength of its colour.
      return {
        x, y, name: run.curve, mode: x.length < 12 ? "lines+markers" : "lines", opacity: [1, 0.7, 0.45][nth % 3],
        line: { color: colour(styleOf({ name: run.curve, kind: "run" }).colour), width: 1.6,
                dash: DASHES[Math.floor(nth / 3) % 4] },
        hovertemplate: `<b>${wrapped(run.label)}</b><br>${escaped(run.setting)}<br>step %{x}<br>%{y:.4g}<extra></extra>`,
      };
    });
    const y = log.checked ? { type: "log" } : {};
    draw(find(".plot"), traces, layout("step", metric.value, { y }));
  }

  for (const control of [metric, which, log]) control?.addEventListener("input", drawAll);
  redraws.push(drawAll);
  drawAll();
}
