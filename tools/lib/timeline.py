# SPDX-License-Identifier: BSD-2-Clause
"""tools/timeline: a handover's trace as a picture: a row per CPU, a bar per step."""

import argparse
import math
import sys
from pathlib import Path
from xml.sax.saxutils import escape

import trace
from errors import Status, Stop, run_tool
from trace import Cpu, Span, Trace

DESCRIPTION = """\
Draws the trace of a handover as SVG: a row for each CPU, a bar for each step, the phases shaded, and the CPU marked
that the others waited for. FILE is what `batonctl trace --json` prints, or the console of a bare-metal guest that
printed its trace (lines that begin with `trace: `); - is stdin."""

WIDTH = 1000
LEFT, RIGHT, TOP, BOTTOM = 92, 70, 58, 70
ROWS_HEIGHT = 600
ROW_MIN, ROW_MAX = 3.0, 20.0
LABEL_HEIGHT = 11
# Take-down may overlap the next kernel. What lies further behind its entry than this share is told, not drawn.
SHOWN_AFTER_ENTRY = 1.0
COLOURS = ("#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377", "#e69f00", "#0b6e6e", "#7f5539", "#8888aa",
           "#333333", "#99cc33")
SHADES = ("#eef2f8", "#fdf3e3", "#eaf5ee", "#f4f0f8")
SLOW = "#cc0000"


class Drawing:
    def __init__(self, it: Trace):
        self._trace = it
        last = max(step.end for cpu in it.cpus for step in cpu.steps)
        self._until = min(max(last, it.entered), it.entered * (1 + SHOWN_AFTER_ENTRY)) * 1.01
        self._row = min(ROW_MAX, max(ROW_MIN, ROWS_HEIGHT / len(it.cpus)))
        self._bottom = TOP + self._row * len(it.cpus)
        names = dict.fromkeys(step.name for cpu in it.cpus for step in cpu.steps)
        self._colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
        self._parts: list[str] = []

    def svg(self) -> str:
        height = self._bottom + BOTTOM
        self._phases()
        self._axis()
        for row, cpu in enumerate(self._trace.cpus):
            self._cpu(row, cpu)
        self._mark_slowest()
        self._mark_late()
        self._legend()
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
                f'viewBox="0 0 {WIDTH} {height:.0f}" font-family="Helvetica, Arial, sans-serif" font-size="12">\n'
                f'<title>{escape(self._trace.name)}</title>\n'
                f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(self._parts) + "\n</svg>\n")

    def _x(self, time: float) -> float:
        return LEFT + min(time, self._until) / self._until * (WIDTH - LEFT - RIGHT)

    def _rect(self, begin: float, end: float, y: float, height: float, colour: str, title: str = "") -> None:
        x, width = self._x(begin), max(self._x(end) - self._x(begin), 0.4)
        inside = f"<title>{escape(title)}</title>" if title else ""
        self._parts.append(f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" fill="{colour}">'
                           f"{inside}</rect>")

    def _text(self, x: float, y: float, text: str, more: str = "") -> None:
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(text)}</text>')

    def _phases(self) -> None:
        self._text(LEFT, 18, f"{self._trace.name}: {self._trace.entered:,.2f} {self._unit()} from the call to the next "
                             "kernel", 'font-weight="bold" fill="#333"')
        above = LEFT
        for i, phase in enumerate(self._trace.phases):
            self._rect(phase.begin, phase.end, TOP, self._bottom - TOP, SHADES[i % len(SHADES)], self._told(phase))
            # A name that finds no room beside the one before it is left to the shade's tooltip.
            middle = (self._x(phase.begin) + self._x(phase.end)) / 2
            half = 3.4 * len(phase.name)
            if middle - half >= above:
                self._text(middle, TOP - 8, phase.name, 'text-anchor="middle" fill="#555"')
                above = middle + half + 6
        x = self._x(self._trace.entered)
        self._parts.append(f'<path d="M{x:.1f} {TOP - 4} V{self._bottom + 4:.1f}" stroke="#333" stroke-width="1.5"/>')
        self._text(x + 4, TOP - 22, "next kernel runs", 'text-anchor="end" fill="#333" font-size="11"')

    def _axis(self) -> None:
        step = round_step(self._until / 8)
        count = int(self._until / step)
        for i in range(count + 1):
            x = self._x(i * step)
            self._parts.append(f'<path d="M{x:.1f} {self._bottom:.1f} v4" stroke="#777"/>')
            self._text(x, self._bottom + 17, f"{i * step:g}", 'text-anchor="middle" fill="#555" font-size="11"')
        self._text(WIDTH - RIGHT + 6, self._bottom + 17, "× 1,000" if self._trace.unit == "instructions" else self._trace.unit,
                   'fill="#555" font-size="11"')

    def _unit(self) -> str:
        return "thousand instructions" if self._trace.unit == "instructions" else self._trace.unit

    def _told(self, span: Span) -> str:
        return f"{span.name}: {span.end - span.begin:,.3f} {self._unit()}"

    def _cpu(self, row: int, cpu: Cpu) -> None:
        y = TOP + row * self._row
        every = 1
        while every * self._row < LABEL_HEIGHT:
            every *= 2
        if row % every == 0:
            self._text(LEFT - 6, y + self._row / 2 + 4, cpu.name, 'text-anchor="end" fill="#333" font-size="11"')
        gap = self._row * 0.12
        for step in cpu.steps:
            if step.begin < self._until:
                self._rect(step.begin, step.end, y + gap, self._row - 2 * gap, self._colours[step.name],
                           f"{cpu.name}, {self._told(step)}")

    def _mark_slowest(self) -> None:
        slowest = self._trace.slowest()
        y = TOP + self._trace.cpus.index(slowest) * self._row
        self._parts.append(f'<rect x="{LEFT - 2}" y="{y:.2f}" width="{WIDTH - LEFT - RIGHT + 4}" height="{self._row:.2f}" '
                           f'fill="none" stroke="{SLOW}"/>')
        self._text(WIDTH - RIGHT + 6, y + self._row / 2 + 4, f"◀ CPU {slowest.number}", f'fill="{SLOW}" font-size="11"')

    def _mark_late(self) -> None:
        late = [cpu for cpu in self._trace.cpus if any(step.begin >= self._until for step in cpu.steps)]
        if late:
            last = max(step.end for cpu in late for step in cpu.steps)
            self._text(LEFT, self._bottom + 60, f"{len(late)} CPUs have steps further to the right, while the next kernel "
                       f"runs; the last ends at {last:,.1f} {self._unit()}.", 'fill="#555" font-size="11"')

    def _legend(self) -> None:
        x, y = float(LEFT), self._bottom + 38
        for name, colour in self._colours.items():
            self._parts.append(f'<rect x="{x:.1f}" y="{y - 9:.1f}" width="10" height="10" fill="{colour}"/>')
            self._text(x + 14, y, name, 'fill="#333" font-size="11"')
            x += 34 + 6.5 * len(name)
        self._text(x, y, "◀ the others waited for this CPU", f'fill="{SLOW}" font-size="11"')


def round_step(about: float) -> float:
    """1, 2 or 5 times a power of ten, about as large."""
    power = 10.0 ** math.floor(math.log10(about))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= about)


def drawing(it: Trace) -> str:
    return Drawing(it).svg()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/timeline", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("-o", "--output", metavar="SVG", help="default: stdout")
    return parser.parse_args()


def main() -> Status:
    args = parse()
    try:
        text = sys.stdin.read() if args.file == "-" else Path(args.file).read_text()
        picture = drawing(trace.parse(text))
        if args.output:
            Path(args.output).write_text(picture)
        else:
            sys.stdout.write(picture)
    except OSError as error:
        raise Stop(f"{error.filename}: {error.strerror}.", Status.USAGE) from None
    return Status.OFF


if __name__ == "__main__":
    run_tool(main)
