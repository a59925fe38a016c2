"""Figures of a clip: arrows where the structure has them, bars as high as their bits, maps that hold all bits."""

from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from support import textured

from common.viz.panels import CELL, GAP, TITLE, Panel
from lic_video import figures
from lic_video.codecs.contract import Coded, Intermediates
from lic_video.figures import KINDS, bits_picture, group_picture, order_picture
from lic_video.gop import Gop, Kind

ROWS: list[dict[str, Any]] = [
    {"frame": 0, "kind": "intra", "bits": 8000, "bits_motion": 0.0, "psnr": 36.0},
    {"frame": 1, "kind": "forward", "bits": 2400, "bits_motion": 800.0, "psnr": 35.0},
    {"frame": 2, "kind": "backward", "bits": 1600, "bits_motion": 400.0, "psnr": None},
]
ROWS = [{**row, "psnr_copied": None if row["kind"] == "intra" else 20.0, "psnr_warped": None} for row in ROWS]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Axes]:
    """The axes of what is drawn, as they were when it was."""
    kept: list[Axes] = []
    pixels = figures._pixels

    def keeping(figure: Figure) -> np.ndarray:
        kept.extend(figure.axes)
        return pixels(figure)

    monkeypatch.setattr(figures, "_pixels", keeping)
    return kept


def test_every_frame_is_at_its_place_with_its_number_in_coding_order(drawn: list[Axes]) -> None:
    picture = order_picture([Gop(4, "uni"), Gop(4, "bi")], 5)
    assert picture.dtype == np.uint8 and picture.shape[1:] == (figures.WIDTH, 3)
    # of four frames the third is still predicted from before, the fourth from the I frame behind, coded before it
    for axes, expected in zip(drawn, (["0", "1", "2", "3", "4"], ["0", "1", "2", "4", "3"])):
        texts = [text for text in axes.texts if text.get_text()]
        assert [text.get_text() for text in sorted(texts, key=lambda text: text.get_position()[0])] == expected
    assert [axes.get_title(loc="left") for axes in drawn] == ["uni-IPPP, GOP 4", "bi-IPPP, GOP 4"]


def test_arrows_lead_from_what_a_frame_is_predicted_from(drawn: list[Axes]) -> None:
    order_picture([Gop(4, "bi")], 5)
    arrows = [text for text in drawn[0].texts if not text.get_text()]
    ends = {(text.xyann[0], text.xy[0], text.arrow_patch.get_edgecolor()) for text in arrows}  # type: ignore[attr-defined]

    def rgba(kind: Kind) -> tuple[float, ...]:
        return (*(int(KINDS[kind][i : i + 2], 16) / 255 for i in (1, 3, 5)), 1.0)

    forward, backward = rgba(Kind.FORWARD), rgba(Kind.BACKWARD)
    assert ends == {(0, 1, forward), (1, 2, forward), (4, 3, backward)}


def test_bars_stack_to_the_bytes_of_each_frame(drawn: list[Axes]) -> None:
    group_picture(ROWS)
    stacks = {stack.get_label(): stack for stack in drawn[0].containers}
    bars = {name: [(bar.get_y(), bar.get_height()) for bar in stack] for name, stack in stacks.items()}
    assert bars == {
        "intra, 67 %": [(0, 1000), (0, 0), (0, 0)],
        "motion, 10 %": [(1000, 0), (0, 100), (0, 50)],
        "residual, 23 %": [(1000, 0), (100, 200), (50, 150)],
    }


def test_lines_are_of_what_is_known(drawn: list[Axes]) -> None:
    group_picture(ROWS)
    lines = {line.get_label(): line.get_ydata() for line in drawn[1].lines}
    assert set(lines) == {"reference as it is", "decoded"}, "nothing is known of the others"
    np.testing.assert_equal(lines["reference as it is"], [np.nan, 20, 20])
    np.testing.assert_equal(lines["decoded"], [36, 35, np.nan])


def test_rows_may_come_from_a_file(drawn: list[Axes]) -> None:
    """Of frames.csv all values are text, and what is not known is empty."""
    as_text = [{key: "" if value is None else str(value) for key, value in row.items()} for row in ROWS]
    assert np.array_equal(group_picture(as_text), group_picture(ROWS))


def test_maps_hold_every_bit_at_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    motion = torch.ones(1, 2, 4, 6)
    motion[0, :, 0, 0] = 0.25  # 4 bits on the first 16x16 pixels
    residual = {"residual.y": torch.ones(1, 1, 8, 12), "residual.z": torch.full((1, 1, 1, 1), 2.0**-6)}
    residual["residual.y"][0, 0, 7, 11] = 2.0**-8
    coded = Coded(torch.zeros(1, 3, 64, 96), {"motion.y": motion, **residual})
    spread = figures._spread(coded, "motion")
    assert spread.sum().item() == pytest.approx(4) and spread[:16, :16].sum().item() == pytest.approx(4)
    spread = figures._spread(coded, "residual")
    assert spread.sum().item() == pytest.approx(6 + 8) and spread[56:, 88:].sum().item() > 8
    titles: list[str] = []
    sheet = figures.sheet
    monkeypatch.setattr(
        figures, "sheet", lambda rows, *more: (titles.extend(p.title for p in rows[0]), sheet(rows, *more))[1]
    )
    drawn = bits_picture(textured(64, 96), coded)
    assert titles[1] == f"motion: {4 / 64 / 96:.4f} bits per pixel on average"
    assert titles[2].startswith(f"residual: {14 / 64 / 96:.4f} bits per pixel")
    shown = drawn[GAP + TITLE :][: CELL * 64 // 96, GAP + CELL + GAP :][:, :CELL].astype(int).sum(2)
    assert (shown[:56, :56] > 600).all() and (shown[70:] < 60).all(), "bright in the corner, black elsewhere"


def test_nothing_to_code_is_black() -> None:
    coded = Coded(torch.zeros(1, 3, 32, 32), {"motion.y": torch.ones(1, 1, 2, 2), "residual.y": torch.ones(1, 1, 2, 2)})
    drawn = bits_picture(textured(32, 32), coded)
    assert drawn[GAP + TITLE + 10 :][:300, GAP + CELL + GAP + 10 :][:, :300].max() < 10


def test_motion_is_shown_from_its_estimate_over_the_blocks_to_what_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[list[Panel]] = []
    monkeypatch.setattr(figures, "sheet", lambda found, *_: rows.extend(found))
    rgb, flow = textured(60, 90), torch.tensor([3.0, 4.0]).view(1, 2, 1, 1).expand(1, 2, 64, 96)
    made = Intermediates(flow, -flow, flow, flow)
    coded = Coded(torch.zeros(1, 3, 64, 96), {"motion.y": torch.full((1, 1, 4, 6), 0.5)}, made)
    maps = {"DRAS 1: features": torch.arange(24.0).view(1, 4, 6), "DRAS 2: features": torch.ones(1, 2, 3)}
    figures.motion_picture(rgb, coded, maps)
    ((frame, estimated, first, second, decoded),) = rows
    assert np.array_equal(frame.rgb, rgb) and all(panel.rgb.shape == rgb.shape for panel in rows[0])
    assert estimated.title == "flow, up to 5.0 px" and decoded.title == f"flow, decoded, {24 / 60 / 90:.4f} bpp"
    assert first.ends == ("0", "23") and len(np.unique(first.rgb.reshape(-1, 3), axis=0)) == 24
    assert second.title == "DRAS 2: features" and len(np.unique(second.rgb.reshape(-1, 3), axis=0)) == 1
