// The wipe: the left picture lies over the right one, cut at the slider; the bits that the right one took lie between.

function gallery(place) {
  const { photographs } = JSON.parse(place.querySelector(".content").textContent);
  const find = (selector) => place.querySelector(selector);
  const [left, curve, point] = ["left", "curve", "point"].map((name) => find(`select[name=${name}]`));
  const bits = find("input[name=bits]"), strength = find("input[name=strength]");
  const stage = find(".stage"), wipe = find(".wipe");
  let photograph = null;

  // Names come with the section's data; until then numbers would be shown, so `nameGallery` fills the lists.
  place.names = null;
  const isRun = (shot) => place.names.curves[shot.curve].kind === "run";
  const figures = (shot) => {
    const number = place.names.parts.indexOf(photograph.name);
    return place.names.curves[shot.curve].points[shot.point].parts[number];
  };
  const key = (shot) => `${shot.curve}.${shot.point}`;
  const shotOf = (text) => photograph.shots.find((shot) => key(shot) === text);

  // "~3": of curve 3 what is nearest in bits to the other side.
  function chosenLeft(other) {
    if (!left.value.startsWith("~")) return shotOf(left.value);
    const far = (shot) => Math.abs((figures(shot)?.[0] ?? Infinity) - (figures(other)?.[0] ?? 0));
    const own = photograph.shots.filter((shot) => `~${shot.curve}` === left.value);
    return own.reduce((best, shot) => (far(shot) < far(best) ? shot : best));
  }
  const name = (n) => place.names.curves[n].label;
  const at = (shot) => place.names.curves[shot.curve].points[shot.point].at || `point ${shot.point + 1}`;

  function fill(select, entries, wanted) {
    select.replaceChildren(...entries.map(([value, text]) => made("option", { value, textContent: text })));
    if (entries.some(([value]) => value === wanted)) select.value = wanted;
  }

  function fillPoints(wanted) {
    const own = photograph.shots.filter((shot) => String(shot.curve) === curve.value);
    own.sort((a, b) => a.point - b.point);
    fill(point, own.map((shot) => [String(shot.point), at(shot)]), wanted);
  }

  function choose(next) {
    const before = [curve.value, point.value, left.value];
    photograph = next;
    photographs.forEach((each, n) => find(".strip").children[n].setAttribute("aria-pressed", each === next));
    const runs = next.shots.filter(isRun), numbers = (shots) => [...new Set(shots.map((shot) => shot.curve))].sort((a, b) => a - b);
    fill(curve, numbers(runs).map((n) => [String(n), name(n)]), before[0] || String(runs[0].curve));
    fillPoints(before[1] || String(runs[0].point));
    const classical = numbers(next.shots.filter((shot) => !isRun(shot)));
    const listed = [...runs].sort((a, b) => a.curve - b.curve || a.point - b.point);
    fill(left, [["", "Original"], ...classical.map((n) => [`~${n}`, `${name(n)}, nearest in bits`]),
                ...listed.map((shot) => [key(shot), `${name(shot.curve)}, ${at(shot)}`])], before[2]);
    const [width, height] = next.size;
    // As wide as the window allows, no higher than is seen at once, and never blurred by more than half its size.
    const widest = `min(100%, ${(78 * width) / height}vh, ${Math.round(1.5 * width)}px)`;
    for (const part of [stage, wipe, find(".captions"), find(".scale")]) if (part) part.style.width = widest;
    stage.style.aspectRatio = `${width} / ${height}`;
    show();
  }

  function caption(shot) {
    if (!shot) return `${photograph.name}, original`;
    const found = figures(shot);
    const said = found ? [`${found[0].toFixed(3)} bpp`, ...(found[1] === null ? [] : [`${found[1].toFixed(2)} dB`])] : [];
    return [`${name(shot.curve)}, ${at(shot)}`, ...said].join(" · ");
  }

  function show() {
    const other = shotOf(`${curve.value}.${point.value}`), one = chosenLeft(other);
    find("img.left").src = one ? one.src : photograph.src;
    find("img.right").src = other.src;
    find("img.left").alt = find(".of-left").textContent = caption(one);
    find("img.right").alt = find(".of-right").textContent = caption(other);
    if (bits) {
      bits.disabled = !other.bits;
      const image = find("img.bits");
      const hidden = !(bits.checked && other.bits);
      image.hidden = find(".scale").hidden = strength.parentElement.hidden = hidden;
      image.src = other.bits || "data:,";
      image.alt = "Where the bits went, from black (none) to pale yellow (most)";
      image.style.opacity = strength.value / 100;
      const ends = other.most ? [other.most / 2, other.most].map((v) => String(Number(v.toPrecision(2)))) : ["", "the most"];
      const marks = find(".scale").querySelectorAll("span");
      ["0", ends[0], `${ends[1]} bits per pixel`].forEach((text, n) => { marks[n].textContent = text; });
    }
  }

  function cut(value) {
    wipe.value = value;
    stage.style.setProperty("--cut", `${wipe.value / 10}%`);
  }

  const drag = (event) => {
    const box = stage.getBoundingClientRect();
    cut((1000 * (event.clientX - box.left)) / box.width);
  };
  stage.addEventListener("pointerdown", (event) => { stage.setPointerCapture(event.pointerId); drag(event); });
  stage.addEventListener("pointermove", (event) => { if (event.buttons) drag(event); });
  wipe.addEventListener("input", () => cut(wipe.value));
  curve.addEventListener("change", () => { fillPoints(point.value); show(); });
  for (const control of [left, point, bits, strength]) control?.addEventListener("input", show);

  find(".strip").append(...photographs.map((each) => {
    const image = made("img", { src: each.src, alt: each.name, loading: "lazy", width: each.size[0], height: each.size[1] });
    const button = made("button", { type: "button", title: each.name }, image);
    button.addEventListener("click", () => choose(each));
    return button;
  }));
  place.begin = () => choose(photographs[0]);
}

function nameGallery(place, data) {
  place.names = data;
  place.begin();
}
