"""Decisions on a stream for people and for programs: one line that changes, or a line of JSON each."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.text import Text

from stgdn.inference.live.decide import Course, Decision

FORMATS = ("auto", "json", "line")

Emit = Callable[[Decision, int], None]


@contextmanager
def shown(form: str) -> Iterator[Emit]:
    """What decisions are told to; `auto` is a line where somebody looks, else JSON."""
    console = Console(markup=False, emoji=False, highlight=False)
    if form == "json" or (form == "auto" and not console.is_terminal):
        yield lambda decision, dropped: _print(as_json(decision, dropped))
        return
    with Live(Text("no decision yet"), console=console, auto_refresh=False) as live:
        yield lambda decision, dropped: live.update(Text(as_line(decision, dropped)), refresh=True)


def _print(line: str) -> None:
    """Print a line at once; where nobody reads any more (`| head`) the stream ends as if interrupted."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left is flushed there
        raise KeyboardInterrupt from None


def as_json(decision: Decision, dropped: int) -> str:
    """One line; times in seconds, `latency_ms` in milliseconds, `dropped` since the beginning."""
    content = {
        "time": round(decision.time, 3),
        "label": decision.label,
        "confidence": round(decision.confidence, 4),
        "latency_ms": round(1000 * decision.latency, 1),
        "people": decision.people,
        "dropped": dropped,
    }
    return json.dumps(content, ensure_ascii=False)


def as_line(decision: Decision, dropped: int) -> str:
    """The same for people."""
    told = f"{decision.label} {100 * decision.confidence:.0f} %" if decision.label else "nobody is seen"
    late = f", {dropped} decisions dropped" if dropped else ""
    return f"{decision.time:7.1f} s  {told}  ({1000 * decision.latency:.0f} ms{late})"


def summary(course: Course, fps: float, skipped: Counter[str], aside: int) -> list[str]:
    """How a stream went, a sentence each: what was done how fast, and what was left aside."""
    rate = course.frames / course.seconds if course.seconds else 0.0
    length = f"{_count(course.frames, 'frame')}, {course.frames / fps:.1f} s of input"
    told = [f"{length}, in {course.seconds:.1f} s: {rate:,.1f} frames/s"]
    if course.latencies:
        middle, late = (1000 * value for value in np.percentile(course.latencies, [50, 95]))
        made = _count(len(course.latencies), "decision")
        told.append(f"{made}, latency {middle:.0f} ms (median), 95 % within {late:.0f} ms")
    if course.dropped:
        told.append(f"{_count(course.dropped, 'decision')} dropped: due faster than they could be made")
    if skipped:
        kinds = "; ".join(f"{count:,} × {kind}" for kind, count in skipped.most_common())
        told.append(f"{_count(skipped.total(), 'line')} skipped: {kinds}")
    if aside:
        told.append(f"{_count(aside, 'frame')} with more people than the network looks at; who moves most was kept")
    return told


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
