// Training curves of all runs: [{curve, label, setting, series: {"val/loss": [steps, values], …}}].

const MANY_RUNS = 32; // more get a button a curve, not a button a run

function trainingCurves(place, runs) {
  const find = (selector) => place.querySelector(selector);
  const metric = find("select[name=metric]"), which = find("select[name=runs]"), log = find("input[name=log]");
  const seen = {};
  // One curve's runs differ in dash and strength of its colour.
  const drawn = runs.map((run) => {
    const nth = (seen[run.curve] = (seen[run.curve] ?? -1) + 1);
    const { colour: name } = styleOf({ name: run.curve, kind: "run" });
    return { run, style: { colour: name, dash: DASHES[Math.floor(nth / 3) % 4], opacity: [1, 0.7, 0.45][nth % 3], width: 2 } };
  });
  let entries = [], shown = [];

  // What the legend lists and hides: the runs that have this figure, or the curves that they make.
  function choose() {
    const chosen = drawn.filter(({ run }) => run.series[metric.value] && (!which?.value || run.curve === which.value));
    const names = [...new Set(chosen.map(({ run }) => run.curve))];
    entries = chosen.length > MANY_RUNS && names.length > 1
      ? names.map((name) => chosen.filter(({ run }) => run.curve === name)).map((own) => entry(own, own[0].run.label))
      : chosen.map((one) => entry([one], [names.length > 1 && one.run.label, one.run.setting].filter(Boolean).join(" · ")
                                          || one.run.label));
    shown = entries.map(() => true);
    legend(find(".legend"), entries, shown, drawAll);
    drawAll();
  }

  const entry = (own, label) => ({ own, label, style: own[0].style, kind: "run" });

  function drawAll() {
    const traces = entries.flatMap(({ own }, n) => own.map(({ run, style }) => {
      const [x, y] = run.series[metric.value];
      const said = `<b>${wrapped(run.label)}</b><br>${escaped(run.setting)}`;
      return {
        x, y, name: run.curve, mode: x.length < 12 ? "lines+markers" : "lines", opacity: style.opacity, visible: shown[n],
        line: { color: colour(style.colour), width: 1.6, dash: style.dash }, text: x.map(() => said),
        hovertemplate: "%{text}<br>step %{x}<br>%{y:.4g}<extra></extra>",
      };
    }));
    const y = log.checked ? { type: "log" } : {};
    draw(find(".plot"), traces, layout("step", metric.selectedOptions[0].textContent, { y }));
  }

  for (const control of [metric, which]) control?.addEventListener("input", choose);
  log.addEventListener("input", drawAll);
  redraws.push(drawAll);
  choose();
}
