# SPDX-License-Identifier: BSD-2-Clause
"""The trace of a handover in Chrome's trace-event format: as batonctl and bare-metal guests write it."""

import json
from dataclasses import dataclass, field

from errors import Status, Stop

# Before each event on the console of a bare-metal guest.
CONSOLE_MARK = "trace: "


@dataclass(frozen=True)
class Span:
    name: str
    category: str
    begin: float
    end: float


@dataclass
class Cpu:
    number: int
    name: str
    steps: list[Span] = field(default_factory=list)

    def end(self, category: str) -> float:
        return max((step.end for step in self.steps if step.category == category), default=0.0)


@dataclass
class Trace:
    """Times are microseconds from the exec, or thousands of instructions (`unit`)."""

    name: str
    unit: str
    phases: list[Span]
    cpus: list[Cpu]

    @property
    def entered(self) -> float:
        return max(phase.end for phase in self.phases)

    def slowest(self) -> Cpu | None:
        """The one that the others wait for at the barrier."""
        return max(self.cpus, key=lambda cpu: cpu.end("drain"), default=None)


def parse(text: str) -> Trace:
    try:
        events, other = read_events(text)
        it = trace_of(events, other.get("unit", "µs"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Stop(f"this is no trace in Chrome's trace-event format: {error!r}. `batonctl trace --json` writes one.",
                   Status.USAGE) from None
    if not it.phases or not it.cpus:
        raise Stop("this is no trace of a handover: it has no phases, or no CPU with a step.", Status.USAGE)
    return it


def trace_of(events: list[dict], unit: str) -> Trace:
    names = {event["tid"]: event["args"]["name"] for event in events if event.get("name") == "thread_name"}
    title = next((event["args"]["name"] for event in events if event.get("name") == "process_name"), "A handover")
    phases, cpus = [], {}
    for event in events:
        if event.get("ph") != "X":
            continue
        span = Span(event["name"], event["cat"], float(event["ts"]), float(event["ts"]) + float(event["dur"]))
        if span.category == "phase":
            phases.append(span)
            continue
        number = event["tid"]
        cpus.setdefault(number, Cpu(number, names.get(number, f"CPU {number}"))).steps.append(span)
    return Trace(title, unit, phases, [cpus[number] for number in sorted(cpus)])


def read_events(text: str) -> tuple[list[dict], dict]:
    """From JSON, or out of a console's text."""
    lines = [line.partition(CONSOLE_MARK)[2] for line in text.splitlines() if line.startswith(CONSOLE_MARK)]
    if lines:
        return [json.loads(line) for line in lines], {}
    whole = json.loads(text)
    return (whole, {}) if isinstance(whole, list) else (whole["traceEvents"], whole.get("otherData", {}))
