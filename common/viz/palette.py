"""Colours of curves and figures. The other colours of report.html are in common/report/html/web/page.css."""

INK, SOFT, PAPER = "#22272c", "#59636c", "#ffffff"  # text, small text, background
MARK = "#ffd000"  # what is pointed at in a picture
AXIS, GRID = "#b7bec4", "#e6e9ec"
BLUE, GREY = "#0b6bcb", "#8a949c"
RUNS = [BLUE, "#d1495b", "#2a9d5c", "#8e44ad", "#e08e0b", "#00838f", "#a0522d", "#c2185b"]  # curves of our own
OTHERS = ["#5f6b76", "#8a949d", "#7a6f5d", "#5d7a72", "#6d6480", "#806464"]  # classical and published ones

# Curves of report.html on light and on dark paper: our own, then classical and published ones. Told apart with any
# colour vision, after Okabe and Ito, darkened to be read on white.
PAGE_RUNS = {
    "light": ["#0072b2", "#d55e00", "#00815f", "#b04f93", "#8f6b00", "#2b9cd8", "#5a3fa3", "#8c1c3a"],
    "dark": ["#56b4e9", "#ff8b3d", "#2bc79b", "#e592c8", "#e6bd2e", "#a5d8ff", "#a697ff", "#ff7e9a"],
}
PAGE_OTHERS = {
    "light": ["#6b747c", "#8b8378", "#55616b", "#97a0a8"],
    "dark": ["#8d979f", "#aaa295", "#76828c", "#b9c1c8"],
}
