# SPDX-License-Identifier: BSD-2-Clause
"""A line chart as SVG, both axes logarithmic: figures that grow in proportion lie on a line of slope 1."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 690, 400
LEFT, RIGHT, TOP, BOTTOM = 90, 150, 44, 52
COLOURS = ("#4477aa", "#ee6677", "#228833", "#aa3377", "#e69f00")


def lines(title: str, x_name: str, y_name: str, series: dict[str, dict[int, float]]) -> str:
    """series: name -> {x: y}; all above 0."""
    xs = sorted({x for points in series.values() for x in points})
    ys = [y for points in series.values() for y in points.values()]
    low, high = 10.0 ** math.floor(math.log10(min(ys))), 10.0 ** math.ceil(math.log10(max(ys) * 1.01))

    def x_at(x: float) -> float:
        share = math.log(x / xs[0]) / math.log(xs[-1] / xs[0]) if len(xs) > 1 else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y_at(y: float) -> float:
        return HEIGHT - BOTTOM - math.log(y / low) / math.log(high / low) * (HEIGHT - TOP - BOTTOM)

    parts = [text(LEFT, 22, title, 'font-weight="bold"'),
             text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_name, 'text-anchor="middle"'),
             text(10, TOP - 6, y_name)]
    for x in xs:
        parts.append(text(x_at(x), HEIGHT - BOTTOM + 18, f"{x:,}", 'text-anchor="middle" font-size="11"'))
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        y = y_at(10.0 ** power)
        parts.append(f'<path d="M{LEFT} {y:.1f} H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(text(LEFT - 8, y + 4, f"{10 ** power:,}", 'text-anchor="end" font-size="11"'))
    for (name, points), colour in zip(series.items(), COLOURS):
        at = [(x_at(x), y_at(y)) for x, y in sorted(points.items())]
        parts.append(f'<path d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in at)}" fill="none" stroke="{colour}" '
                     'stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in at]
        parts.append(text(at[-1][0] + 8, at[-1][1] + 4, name, f'style="fill:{colour}"'))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="Helvetica, Arial, sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
            + "\n".join(parts) + "\n</svg>\n")


def text(x: float, y: float, what: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="#333" {more}>{escape(what)}</text>'
