from collections.abc import Sequence

import numpy as np
import pytest

from common.errors import LicError
from common.published.curves import chosen
from common.results.bd import METHODS, BDQuality, BDRate, bd_matrix, bd_psnr, bd_rate, doubts
from common.results.curves import Curve, Point

# PSNR on UVG, bpp and dB
UVG = {
    curve.name: ([point.bpp for point in curve.points], [point.psnr or 0.0 for point in curve.points])
    for curve in chosen(["h264", "dvc", "fvc", "ssf", "dcvc"])
    if curve.origin and curve.origin.dataset == "uvg"
}


def said(result: BDRate | BDQuality) -> str:
    return "; ".join(result.notes)


def curve(bpp: list[float], psnr: list[float], name: str = "test", ms_ssim: list[float] | None = None) -> Curve:
    quality: Sequence[float | None] = ms_ssim or [None] * len(bpp)
    return Curve(name, "published", tuple(Point(b, p, m) for b, p, m in zip(bpp, psnr, quality)))


@pytest.mark.parametrize(("codec", "published"), [("DVC", -19.39), ("FVC", -46.28), ("SSF", -32.40), ("DCVC", -48.21)])
def test_cubic_reproduces_published_values(codec: str, published: float) -> None:
    result = bd_rate(curve(*UVG["H.264"]), curve(*UVG[codec]), method="cubic")
    assert result.percent == pytest.approx(published, abs=0.005)


@pytest.mark.parametrize("method", METHODS)
def test_a_tenth_fewer_bits_everywhere_is_minus_ten_percent(method: str) -> None:
    bpp, psnr = UVG["H.264"]
    cheaper = curve([0.9 * b for b in bpp], psnr)
    result = bd_rate(curve(bpp, psnr), cheaper, method=method)  # type: ignore[arg-type]
    assert result.percent == pytest.approx(-10, abs=1e-9)
    assert result == (result.percent, 1.0, ())


def test_bd_psnr_of_a_lifted_curve() -> None:
    bpp, psnr = UVG["H.264"]
    assert bd_psnr(curve(bpp, psnr), curve(bpp, [p + 0.7 for p in psnr])).db == pytest.approx(0.7)


def test_ms_ssim_is_compared_in_db() -> None:
    # quality 10, 20, 30 dB at log2(bpp) = 0, 1, 2, and the same at half the bits
    v = [0.9, 0.99, 0.999]
    anchor, test = curve([1, 2, 4], [1, 2, 3], ms_ssim=v), curve([0.5, 1, 2], [1, 2, 3], ms_ssim=v)
    assert bd_rate(anchor, test, "ms-ssim-rgb").percent == pytest.approx(-50)
    shifted = curve([1, 2, 4], [1, 2, 3], ms_ssim=[1 - 0.1 * 10**-0.5, 1 - 0.01 * 10**-0.5, 1 - 0.001 * 10**-0.5])
    assert bd_rate(anchor, shifted, "ms-ssim-rgb").percent == pytest.approx(100 * (2**-0.5 - 1))


def test_little_overlap_is_noted() -> None:
    anchor, test = curve([1, 2, 4, 8], [30, 32, 34, 36]), curve([1, 2, 4, 8], [33, 35, 37, 39])
    result = bd_rate(anchor, test)
    assert result.percent is not None
    assert result.overlap == pytest.approx(3 / 9)
    assert "33 %" in said(result)


def test_a_name_with_a_semicolon_stays_in_one_note() -> None:
    result = bd_rate(curve([1, 2], [30, 31], "a; b"), curve([1, 2], [40, 41], "c"))
    assert doubts(result) == ["the qualities of a; b and c do not overlap"]


def test_no_overlap_gives_no_figure() -> None:
    result = bd_rate(curve([1, 2], [30, 31], "a"), curve([1, 2], [40, 41], "b"))
    assert result.percent is None
    assert result.notes == ("the qualities of a and b do not overlap",)
    assert bd_psnr(curve([1, 2], [30, 31], "a"), curve([3, 4], [30, 31], "b")).db is None


def test_a_cubic_through_three_points_falls_back_and_says_so() -> None:
    three = curve([0.05, 0.1, 0.2], [34, 36, 38])
    result = bd_rate(curve(*UVG["H.264"]), three, method="cubic")
    assert result.percent == bd_rate(curve(*UVG["H.264"]), three, method="pchip").percent
    assert "4 points" in said(result)


@pytest.mark.parametrize("points", [0, 1])
def test_too_few_points_give_a_note(points: int) -> None:
    result = bd_rate(curve(*UVG["H.264"]), curve([1.0] * points, [35.0] * points, "short"))
    assert result.percent is None
    assert "short has" in said(result)


def test_two_points_are_a_straight_line() -> None:
    line = curve([1, 100], [30, 32])
    assert bd_rate(line, curve([10, 100], [31, 32])).percent == pytest.approx(0, abs=1e-9)


def test_points_that_cost_more_for_less_are_left_out_with_a_note() -> None:
    bpp, psnr = UVG["DVC"]
    clean = bd_rate(curve(*UVG["H.264"]), curve(bpp, psnr))
    spoilt = bd_rate(
        curve(*UVG["H.264"]),
        curve([*bpp, 0.15, bpp[0], 0.5, 0.0], [*psnr, 33.0, psnr[0], float("inf"), 20.0], "spoilt"),
    )
    assert spoilt.percent == clean.percent
    assert spoilt.notes[0].startswith("2 of spoilt's points left out")


def test_matrix_has_anchors_as_rows() -> None:
    a, b = curve(*UVG["H.264"]), curve(*UVG["DVC"])
    (first, second), (third, fourth) = bd_matrix([a, b], [a, b])
    assert first is None and fourth is None
    assert second is not None and third is not None
    assert second.percent is not None and third.percent is not None
    assert second.percent < 0 < third.percent
    # the two directions are inverse factors
    assert (1 + second.percent / 100) * (1 + third.percent / 100) == pytest.approx(1)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(LicError, match="pchip, akima, cubic"):
        bd_rate(curve(*UVG["H.264"]), curve(*UVG["DVC"]), method="spline")  # type: ignore[arg-type]


def test_cubic_agrees_with_polynomials_integrated_by_hand() -> None:
    fits = [np.polynomial.Polynomial.fit(q, np.log10(r), 3) for r, q in (UVG["H.264"], UVG["DVC"])]
    low = max(min(UVG[name][1]) for name in ("H.264", "DVC"))
    high = min(max(UVG[name][1]) for name in ("H.264", "DVC"))
    q = np.linspace(low, high, 20001)
    percent = 100 * (10 ** np.mean(fits[1](q) - fits[0](q)) - 1)
    assert bd_rate(curve(*UVG["H.264"]), curve(*UVG["DVC"]), method="cubic").percent == pytest.approx(percent, abs=1e-3)


# A codec that saturates at 36 dB, and is at no rate better than the anchor.
ANCHOR = ([0.05, 0.1, 0.2, 0.4, 0.8, 1.6], [24.0, 27.0, 30.0, 33.0, 36.0, 39.0])
SATURATING = ([0.1, 0.2, 0.4, 0.8, 1.6, 3.2], [27.0, 30.0, 33.0, 36.0, 36.05, 36.1])


def test_a_saturating_codec_that_is_nowhere_better_gains_next_to_nothing_and_the_figure_is_doubted() -> None:
    result = bd_rate(curve(*ANCHOR), curve(*SATURATING, name="flat"))
    assert result.percent == pytest.approx(-2.78, abs=0.01)
    assert "flat: two neighbouring points are 0.05 dB apart and 100 % of bits" in said(result)
    assert "flat against test: with straight lines between the points PSNR gives +0.8 %" in said(result)


@pytest.mark.parametrize("method", ["akima", "cubic"])
def test_an_interpolant_that_leaves_its_points_is_said(method: str) -> None:
    anchor, flat = curve(*ANCHOR), curve(*SATURATING, name="flat")
    for result in (bd_rate(anchor, flat, method=method), bd_rate(flat, anchor, method=method)):  # type: ignore[arg-type]
        assert "leaves the points of flat by up to" in said(result)
        assert "leaves the points of test" not in said(result)


def test_bd_psnr_is_checked_likewise() -> None:
    jump = curve([0.1, 0.2, 0.201, 0.4, 0.8], [24.0, 25.0, 30.0, 30.1, 30.2], "jump")
    straight = curve([0.1, 0.2, 0.4, 0.8], [24.0, 27.0, 30.0, 33.0])
    assert "leaves the points of jump" in said(bd_psnr(straight, jump, method="akima"))
    found = said(bd_psnr(straight, jump))
    assert "leaves" not in found and "jump: two neighbouring points are 0.5 % of bits apart" in found


@pytest.mark.parametrize("method", METHODS)
def test_points_of_nearly_equal_quality_carry_no_figure(method: str) -> None:
    close = curve([0.1, 0.8], [30.0, 30.01], "close")
    assert "test and close share 0.01 dB only" in said(bd_rate(curve(*ANCHOR), close, method=method))  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", [0.0, 1e-3])
def test_a_fit_that_explodes_gives_a_note_and_never_an_error(metric: float) -> None:
    wild = curve([0.1, 0.101, 0.102, 0.3, 50], [28, 28.001 + metric, 28.002 + metric, 31, 39], "wild")
    result = bd_rate(curve(*ANCHOR), wild, method="cubic")
    assert result.notes and (result.percent is None or np.isfinite(result.percent))


def test_densely_measured_and_well_placed_points_are_not_doubted() -> None:
    def quality(bpp: np.ndarray) -> list[float]:
        return [float(q) for q in 30 + 3 * np.log2(bpp) + 0.3 * np.log2(1 + bpp)]

    dense, sparse = 0.05 * 2 ** np.linspace(0, 5, 150), 0.06 * 2 ** np.linspace(0.2, 4.8, 5)
    for method in METHODS[:2]:
        found = bd_rate(curve([*dense], quality(dense)), curve([*sparse], quality(sparse)), method=method)
        assert found.notes == () and found.percent == pytest.approx(0, abs=0.5)
