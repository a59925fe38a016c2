"""Controls of a page: names of curves are text, whatever is in them."""

from common.report.html.controls import count, option, select


def test_what_is_shown_is_text() -> None:
    shown = option('a"b', "<b>&", chosen=True)
    assert shown == '<option value="a&quot;b" selected>&lt;b&gt;&amp;</option>'
    assert select("Right", "curve", [shown]) == f'<label>Right <select name="curve">{shown}</select></label>'
    assert (count(1, "run"), count(2, "run")) == ("1 run", "2 runs")
