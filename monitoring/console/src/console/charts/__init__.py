"""Charts as geometry: positions in percent, which the macros of `charts.html` draw as SVG.

A library would be less code, but pygal and matplotlib write inline styles, which the content
security policy blocks, and matplotlib alone takes half of the console's memory; Vega and Plotly
draw with JavaScript. These pages need one kind of chart over time, strips, and bars.
"""

from console.charts.bars import ShareBar, Strip, StripCell, share_bars, strip
from console.charts.scales import Scale, TimeScale, time_scale, value_scale
from console.charts.timeplot import Limit, Mark, Reading, TimePlot, time_plot

__all__ = [
    "Limit",
    "Mark",
    "Reading",
    "Scale",
    "ShareBar",
    "Strip",
    "StripCell",
    "TimePlot",
    "TimeScale",
    "share_bars",
    "strip",
    "time_plot",
    "time_scale",
    "value_scale",
]
