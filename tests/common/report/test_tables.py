from common.report.tables import points_table
from common.results.curves import Curve, Point
from common.results.measures import Measure

ERROR = {"max_error": Measure("max_error", "max error", "levels", higher_is_better=False)}


def test_lossless_points_show_bits_per_subpixel_and_infinite_quality() -> None:
    lossy = Curve("JPEG", "baseline", (Point(1.5, 34.0, 0.99, {"max_error": 20.0}, own=ERROR),))
    exact = Curve("PNG", "baseline", (Point(12.0, None, 1.0, {"max_error": 0.0}, own=ERROR),))
    table = points_table([lossy, exact])
    rows = [dict(zip(table.columns, row)) for row in table.rows]
    assert [row["bits/subpixel"] for row in rows] == ["0.5000", "4.0000"]
    assert [row["PSNR"] for row in rows] == ["34.00", "∞"] and [row["MS-SSIM"] for row in rows] == ["20.00", "∞"]
    assert rows[1]["max error (levels, less is better)"] == "0.0000"


def test_tables_of_lossy_points_have_no_bits_per_subpixel() -> None:
    """Nor is a PSNR infinite that a file does not say."""
    table = points_table([Curve("a", "baseline", (Point(1.5, 34.0, 0.99), Point(2.0, None, 0.995)))])
    assert "bits/subpixel" not in table.columns and not any("∞" in cell for row in table.rows for cell in row)
