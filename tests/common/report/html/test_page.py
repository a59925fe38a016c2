"""The page of a report in a browser: opened from disk without a network, clicked through, wide and narrow, light and
dark."""

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.page_sweep import DATASET, write_originals, write_run, write_sweep
from support.picture_runs import SETTINGS, baseline

from common.baselines.codecs import available
from common.io import write_json
from common.report.tables import percent
from common.report.writer import write_report
from common.results.bd import bd_rate, doubts
from common.results.bd_certainty import certainty
from common.results.curves import Curve, Point, load
from common.results.points import aggregate, results

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'lic[test]'")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium (Debian: apt install chromium)")

LMBDAS = [0.0035, 0.013, 0.05]
LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
Page = Any


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two curves of three points, one of two seeds, on two photographs, beside JPEG; and a point that failed."""
    folder = tmp_path_factory.mktemp("page")
    originals = write_originals(folder / "originals", 2, (240, 160))
    sweep = folder / "sweep"
    write_sweep(sweep, originals, ["swift tiny</script>", "adjacent"], LMBDAS)
    write_run(sweep / "again", originals, sweep / ".kept", "adjacent", LMBDAS[0], 1.05, 40, seed=1)
    records = [
        {"file": o.name, "quality": q, "bpp": 2 * (n + 1) * (q / 50) ** 0.6, "psnr": 26.0 + q / 10, "ms_ssim": 0.9}
        for q in (10, 40, 90, 160)
        for n, o in enumerate(originals)
    ]
    rows = [{"quality": q, **aggregate([r for r in records if r["quality"] == q])} for q in (10, 40, 90, 160)]
    head = {"name": "JPEG", "kind": "baseline", "protocol": "image", "dataset": DATASET}
    jpeg = available().codecs["jpeg"]
    for record, path in ((r, o) for r in records for o in originals if o.name == r["file"]):
        if record["quality"] == 40:  # what can be made again
            record["bytes"] = len(jpeg.encode(np.asarray(Image.open(path)), 40))
    write_json(sweep / "jpeg.baseline.json", head | {"results": results(rows), "images": records})
    write_json(sweep / "lmbda=9" / "failed.json", {"reason": "loss is NaN at step 12"})
    write_report([sweep], folder / "out", title="Two <codecs>")
    return folder / "out" / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses root one
    with sync_api.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module", params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def opened(request: pytest.FixtureRequest, browser: Any, report: Path) -> Iterator[tuple[Page, list[str]]]:
    """The page, ready, and what it complained of or asked a network for; opened once, as that takes longest."""
    width, scheme = request.param
    phone = {"has_touch": True, "is_mobile": True} if width < 500 else {}
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, reduced_motion="reduce", **phone
    )
    context.set_default_timeout(120_000)  # ms: others may work here too
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else wrong.append(asked.url))
    page.goto(report.as_uri())
    page.wait_for_selector("html[data-ready=yes]", state="attached")
    yield page, wrong
    context.close()


@pytest.fixture
def page(opened: tuple[Page, list[str]]) -> Iterator[Page]:
    yield opened[0]
    assert not opened[1]


def traces(page: Page, plot: str) -> list[dict[str, Any]]:
    found = page.locator(plot).evaluate("p => p.data.map(({name, x, y, visible}) => ({name, x, y, visible}))")
    assert isinstance(found, list)
    return found


PSNR, MS_SSIM = ".rd .plot[data-metric='0']", ".rd .plot[data-metric='1']"


def test_curves_switch_from_the_mean_to_a_photograph(page: Page) -> None:
    page.get_by_label("Curves and BD-rates").select_option("")
    mean = {trace["name"]: trace for trace in traces(page, PSNR)}
    assert mean.keys() == {"swift tiny</script>", "adjacent", "JPEG"}
    assert len(mean["JPEG"]["x"]) == 4 and mean["JPEG"]["y"] == [27.0, 30.0, 35.0, 42.0]
    assert mean["swift tiny</script>"]["y"][1] == pytest.approx(32 + 6 * np.log10(1.3), abs=1e-3)
    page.get_by_label("Curves and BD-rates").select_option("kodim02")
    one = {trace["name"]: trace for trace in traces(page, PSNR)}
    assert one["JPEG"]["x"][1] == pytest.approx(4 * 0.8**0.6, abs=1e-3)
    assert one["JPEG"]["x"][1] == pytest.approx(mean["JPEG"]["x"][1] * 4 / 3, abs=1e-3)
    assert page.locator("[data-seeds]").is_visible()
    assert len(traces(page, MS_SSIM)[0]["x"]) == 3


def test_a_point_says_what_it_is(page: Page) -> None:
    page.get_by_label("Curves and BD-rates").select_option("")
    plot = page.locator(PSNR)
    plot.scroll_into_view_if_needed()
    place = """p => { const n = p.data.findIndex(t => t.name === 'adjacent'), {xaxis, yaxis} = p._fullLayout,
      box = p.getBoundingClientRect();
      const {x: [, x], y: [, y]} = p.data[n];
      return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y)]; }"""
    point = page.mouse.move if page.viewport_size["width"] > 500 else page.touchscreen.tap
    point(*plot.evaluate(place))
    said = page.locator(f"{PSNR} .hoverlayer")
    said.get_by_text("adjacent").wait_for()
    wanted = ("λ 0.013", f"{1.05 * 1.3**0.6 * 0.41:.4f} bpp", "32.68 dB")
    assert [word for word in wanted if word not in said.text_content()] == []


def test_curves_are_hidden_with_the_keyboard(page: Page) -> None:
    button = page.locator(".rd .legend").get_by_role("button", name="JPEG")
    assert button.get_attribute("aria-pressed") == "true"
    button.focus()
    page.keyboard.press("Space")
    assert button.get_attribute("aria-pressed") == "false"
    assert [trace["visible"] for trace in traces(page, PSNR)] == [True, True, False]
    page.locator(".rd .legend").get_by_role("button", name="all", exact=True).press("Enter")
    assert [trace["visible"] for trace in traces(page, MS_SSIM)] == [True] * 3


def test_bd_rates_against_a_chosen_curve(page: Page) -> None:
    page.get_by_label("Curves and BD-rates").select_option("")
    rows = page.locator(".bd tr")
    assert page.locator("table:has-text('against')").count() == 0  # one table of BD-rates, this one
    assert page.locator(".bd h3").text_content() == "BD-rate, mean over 2 photographs"
    assert rows.count() == 3 and rows.nth(1).text_content().strip().startswith("swift tiny</script>−")
    page.get_by_label("Against").select_option(label="swift tiny</script>")
    shown = [rows.nth(n).locator("td").all_text_contents() for n in (1, 2)]
    assert [cell.strip() for cell in shown[0] if cell] == ["adjacent", "+5.0 %", "+5.0 %"] and shown[1][
        0
    ].strip() == "JPEG"
    page.get_by_label("Against").select_option(label="adjacent")
    assert rows.nth(1).locator("td").nth(1).text_content() == "−4.8 %"  # 1 / 1.05
    figure, bar = (rows.nth(1).locator(part).first.bounding_box() for part in ("td.n", "i.less"))
    assert bar["x"] >= figure["x"] + figure["width"]  # a bar does not run under its figure


def test_bd_rates_follow_the_photograph(page: Page) -> None:
    page.get_by_label("Against").select_option(label="adjacent")
    page.get_by_label("Curves and BD-rates").select_option("kodim01")
    assert page.locator(".bd h3").text_content() == "BD-rate, on kodim01"
    jpeg = page.locator(".bd tr", has_text="JPEG").locator("td.n").first.text_content()
    record = lambda q: Point(2 * (q / 50) ** 0.6, 26.0 + q / 10)  # noqa: E731
    curve = Curve("JPEG", "baseline", tuple(record(q) for q in (10, 40, 90, 160)))
    rates = [(round(1.05 * (lmbda / 0.01) ** 0.6 * 0.4, 9), 32 + 6 * np.log10(lmbda / 0.01)) for lmbda in LMBDAS]
    found = bd_rate(Curve("adjacent", "run", tuple(Point(*rate) for rate in rates)), curve, method="pchip")
    assert found.percent is not None and jpeg.startswith(percent(found).partition(" †")[0])
    page.get_by_label("Curves and BD-rates").select_option("")


def test_the_browser_compares_as_python_does(page: Page) -> None:
    rng = np.random.default_rng(0)
    pairs = []
    for k in range(200):
        rates = [np.sort(rng.uniform(0.05, 2, rng.integers(1, 7))) for _ in range(2)]
        noise = (0, 0.05, 0.6)[k % 3]  # the last ones fall here and there
        curves = [(b, 38 + 6 * np.log10(b) * rng.uniform(0.8, 1.3) + rng.normal(0, noise, len(b))) for b in rates]
        if k % 5 == 0 and len(rates[0]) > 1:
            curves[0][1][1] = curves[0][1][0] + 0.01
        pairs.append([[[float(b), float(q)] for b, q in zip(*curve)] for curve in curves])
    ours = "pairs => pairs.map(([a, b]) => bdRate({name: 'a', points: a}, {name: 'b', points: b}, 'PSNR'))"
    for pair, found in zip(pairs, page.evaluate(ours, pairs)):
        a, b = (Curve(name, "run", tuple(Point(*p) for p in points)) for name, points in zip("ab", pair))
        wanted = bd_rate(a, b, method="pchip")
        notes = doubts(wanted)
        assert found["notes"] == notes and found["overlap"] == pytest.approx(wanted.overlap)
        assert found["percent"] == (None if wanted.percent is None else pytest.approx(wanted.percent))


@pytest.fixture(scope="module")
def intervals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two classical codecs on six photographs, and a published curve."""
    folder = tmp_path_factory.mktemp("intervals")
    for name, factors in (("JPEG", [1.0] * 6), ("WebP", [0.7, 0.8, 0.8, 0.9, 0.9, 1.0])):
        baseline(folder, name, factors)
    columns = dict(zip(("bpp", "psnr-rgb"), map(list, zip(*SETTINGS))))
    write_json(folder / "vtm.json", {"name": "VTM", "results": columns})
    write_report([folder], folder / "out", [folder / "vtm.json"])
    return folder / "out" / "report.html"


@pytest.mark.parametrize("width", [1280, 390])
def test_a_bd_rate_has_its_interval_its_overlap_and_a_table_of_what_it_rests_on(
    browser: Any, intervals: Path, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(intervals.as_uri())
    page.wait_for_selector("html[data-ready=yes]", state="attached")
    cell = page.locator(".bd tr", has_text="WebP").locator("td.n").first
    found = certainty(*(load(intervals.parents[1] / f"{name}.baseline.json") for name in ("JPEG", "WebP")))
    assert cell.text_content() == percent(found.rate, found.interval) and "[" in cell.text_content()
    assert cell.get_attribute("title") == "Both curves cover 100 % of their quality range."
    small = width < 500  # where the table behind the click has it alone
    assert [each.is_visible() for each in page.locator(".bd .between").all()] == [
        not small
    ] * 3  # two cells, the legend
    assert page.locator(".bd .wide").evaluate("p => p.scrollWidth <= p.clientWidth")
    page.locator("summary", has_text="How sure").click()
    assert page.locator("details tr", has_text="VTM").first.is_visible()
    page.get_by_label("Against").select_option(label="VTM")
    assert page.locator(".bd .between").count() == 1 and page.locator(".bd .notes .between").text_content() == ""
    page.get_by_label("Against").select_option(label="WebP")
    assert page.locator(".bd tr", has_text="JPEG").locator(".between").count() == 2
    page.get_by_label("Curves and BD-rates").select_option("kodim00")
    assert page.locator(".bd .between").count() == 1  # of one photograph there is none
    page.close()


def halves(page: Page) -> list[np.ndarray]:
    """The mean colours of the stage's left and right third."""
    with Image.open(io.BytesIO(page.locator(".stage").screenshot())) as picture:
        rgb = np.asarray(picture.convert("RGB"), dtype=float)
    third = rgb.shape[1] // 3
    return [rgb[:, :third].mean((0, 1)), rgb[:, -third:].mean((0, 1))]


def test_the_slider_wipes_between_original_and_reconstruction(page: Page) -> None:
    original, right = halves(page)
    assert right.sum() < 0.6 * original.sum()  # reconstructions are darker by half
    wipe = page.get_by_label("Wipe from left to right")
    wipe.press("Home")
    left, right = halves(page)
    assert left.sum() < 0.6 * original.sum() and right.sum() < 0.6 * original.sum()
    wipe.press("End")
    assert np.allclose(halves(page)[0], original, atol=3) and halves(page)[1].sum() > 300
    box = page.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 9)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 9)
    page.mouse.up()
    assert abs(int(wipe.input_value()) - 250) < 5


def test_the_gallery_shows_what_is_chosen(page: Page) -> None:
    gallery = page.locator(".gallery")
    gallery.get_by_role("button", name="kodim02").press("Enter")
    gallery.locator("select[name=curve]").select_option(label="adjacent")
    gallery.locator("select[name=point]").select_option(label="λ 0.05")
    assert gallery.locator(".of-left").text_content() == "kodim02, original"
    bpp = 1.05 * 5**0.6 * 0.42
    assert gallery.locator(".of-right").text_content() == f"adjacent, λ 0.05 · {bpp:.3f} bpp · 36.19 dB"
    gallery.locator("select[name=left]").select_option(label="swift tiny</script>, λ 0.0035")
    page.get_by_label("Wipe from left to right").fill("500")
    assert halves(page)[0].sum() < 250 and gallery.locator(".of-left").text_content().startswith(
        "swift tiny</script>, λ 0.0035 · "
    )
    gallery.get_by_label("Where the bits went").check()
    gallery.get_by_label("Strength").press("End")
    left, red = halves(page)
    assert red[0] > 240 and red[1:].max() < 10 and left.max() < 128
    assert page.locator(".scale").text_content().startswith("036 bits per pixel")
    gallery.get_by_label("Where the bits went").uncheck()
    assert not page.locator(".scale").is_visible()


def test_the_gallery_has_a_classical_codec_at_the_nearest_rate(page: Page) -> None:
    gallery = page.locator(".gallery")
    gallery.get_by_role("button", name="kodim01").press("Enter")
    gallery.locator("select[name=left]").select_option(label="JPEG, nearest in bits")
    said = gallery.locator(".of-left").text_content()
    assert said == f"JPEG, quality 40 · {2 * 0.8**0.6:.3f} bpp · 30.00 dB"
    page.get_by_label("Wipe from left to right").fill("1000")
    bright = halves(page)[0].sum()
    gallery.locator("select[name=left]").select_option("")
    assert bright == pytest.approx(halves(page)[0].sum(), rel=0.1)  # JPEG of the original: not darker, as the runs' are


def test_on_paper_it_is_light_and_whole(page: Page) -> None:
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)" and page.locator(".bd table").is_visible()
    wide = "p => [p.clientWidth, p.querySelector('svg').clientWidth]"
    place, drawn = page.locator(PSNR).evaluate(wide)
    assert drawn <= place and place < 400
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.className") == ""


def test_training_curves(page: Page) -> None:
    plot = ".training .plot"
    assert len(traces(page, plot)) == 7 and page.get_by_label("Figure").input_value() == "val/loss"
    page.get_by_label("Figure").select_option(label="training: bits per pixel")
    page.get_by_label("Runs").select_option(label="adjacent")
    shown = traces(page, plot)
    assert [trace["name"] for trace in shown] == ["adjacent"] * 4 and shown[0]["y"][:2] == [1.0, 0.83333]
    named = page.get_by_role("group", name="Legend").get_by_role("button")
    assert [each for each in named.all_text_contents() if "λ" in each] == [
        f"λ {lmbda:g}, seed {seed}" for lmbda, seed in ((0.0035, 0), (0.0035, 1), (0.013, 0), (0.05, 0))
    ]
    named.filter(has_text="λ 0.05").press("Enter")
    assert [trace["visible"] for trace in traces(page, plot)] == [True] * 3 + [False]
    page.get_by_label("Logarithmic").check()
    assert page.locator(plot).evaluate("p => p.layout.yaxis.type") == "log"


def test_what_needs_no_clicks(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]
    assert page.locator("h1").text_content() == "Two <codecs>"
    settings = page.locator("#settings").text_content()
    assert "λ: lmbda, model.lmbda" in settings and "max_steps" not in settings
    page.get_by_role("link", name="1 point failed").click()
    assert page.locator("#failed").get_by_text("loss is NaN at step 12").is_visible()


def test_colours_follow_the_system(page: Page) -> None:
    look = """() => [getComputedStyle(document.body).backgroundColor].concat(
      ...[...document.querySelectorAll('.plot')].map((p) => [p.layout.font.color, p.data[0].line.color]))"""
    before = page.evaluate(look)
    was_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert (sum(map(int, before[0][4:-1].split(", "))) < 150) == was_dark
    page.emulate_media(color_scheme="light" if was_dark else "dark")
    page.wait_for_function(f"before => ({look})().every((colour, n) => colour !== before[n])", arg=before)
    page.emulate_media(color_scheme="dark" if was_dark else "light")
    page.wait_for_function(f"before => ({look})().every((colour, n) => colour === before[n])", arg=before)
