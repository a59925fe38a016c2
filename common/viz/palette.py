"""Colours of figures. Those of report.html, light and dark, are in common/report/html/web/page.css."""

INK, SOFT, PAPER = "#22272c", "#59636c", "#ffffff"  # text, small text, background
MARK = "#ffd000"  # what is pointed at in a picture
AXIS, GRID = "#b7bec4", "#e6e9ec"
BLUE, GREY = "#0b6bcb", "#8a949c"
RUNS = [BLUE, "#d1495b", "#2a9d5c", "#8e44ad", "#e08e0b", "#00838f", "#a0522d", "#c2185b"]  # curves of our own
OTHERS = ["#5f6b76", "#8a949d", "#7a6f5d", "#5d7a72", "#6d6480", "#806464"]  # classical and published ones
