"""Two hundred finished runs on twenty-four photographs: how long their report takes and how large its page is."""

import json
import re
import time
from pathlib import Path

import pytest
from support.page_sweep import write_originals, write_sweep

from common.report.writer import write_report

LMBDAS = [0.0018, 0.0035, 0.0067, 0.013, 0.025, 0.0483, 0.0932, 0.18]
SECONDS = 20  # of processor time, as others may work here too
BUSY = 3  # times slower, at most, where a core is shared and caches are cold
BYTES = 15_000_000


def test_two_hundred_runs(tmp_path: Path) -> None:
    originals = write_originals(tmp_path / "originals", 24, (480, 320))
    names = [f"codec{n} tiny attention=kind{n}" for n in range(25)]
    write_sweep(tmp_path / "sweep", originals, names, LMBDAS, steps=200)
    started = time.process_time()
    report = write_report([tmp_path / "sweep"], tmp_path / "out")
    took = time.process_time() - started
    page = (tmp_path / "out" / "report.html").read_bytes()
    assert len(page) < BYTES and took < BUSY * SECONDS, f"{len(page)} bytes in {took:.1f} s"
    (section,) = report.sections
    assert (
        section.heading == "Photographs: made, 24 pictures"
        and page.count("<td>codec24 tiny attention=kind24 · λ".encode()) == 8
    )
    found = re.search(rb'class="content">(.*?)</script>', page)
    assert found
    gallery = json.loads(found.group(1))
    assert len(gallery["photographs"]) == 24 and all(len(each["shots"]) >= 2 for each in gallery["photographs"])
    first = gallery["photographs"][0]["shots"]
    assert {shot["curve"] for shot in first} == set(range(25)) and all(shot["bits"] for shot in first)
    sum_of_all = sum(len(each["shots"]) for each in gallery["photographs"])
    assert gallery["left"] == 200 * 24 - sum_of_all


def test_pictures_that_hardly_compress_do_not_burst_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.report.html.page.MAX_BYTES", 2_200_000)  # of which plotly takes two million
    originals = write_originals(tmp_path / "originals", 6, (480, 320))
    write_sweep(tmp_path / "sweep", originals, ["codec"], LMBDAS[:3])
    write_report([tmp_path / "sweep"], tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert len(page.encode()) < 2_200_000 and "did not fit on the page" in page
