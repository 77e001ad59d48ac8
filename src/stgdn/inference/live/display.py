"""Output of decisions on a stream: one line that is updated, or a line of JSON each."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.text import Text

from stgdn.rounding import fixed

if TYPE_CHECKING:  # commands check the format before they need PyTorch
    from stgdn.inference.live.follow import StreamStatistics
    from stgdn.inference.live.window import Decision

FORMATS = ("auto", "json", "line")


@contextmanager
def open_display(form: str) -> Iterator[Callable[[Decision, int], None]]:
    """Open the display that decisions are written to; `auto` is one line on a terminal, else JSON."""
    console = Console(markup=False, emoji=False, highlight=False)
    if form == "json" or (form == "auto" and not console.is_terminal):
        yield lambda decision, dropped: _print(as_json(decision, dropped))
        return
    with Live(Text("no decision yet"), console=console, auto_refresh=False) as live:
        yield lambda decision, dropped: live.update(Text(as_line(decision, dropped)), refresh=True)


def _print(line: str) -> None:
    """Print a line at once; if the reader of the output has closed it (`| head`), end the stream as if interrupted."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left is flushed there
        raise KeyboardInterrupt from None


def as_json(decision: Decision, dropped: int) -> str:
    """Format a decision as JSON; times in seconds, `latency_ms` in milliseconds, `dropped` since the start."""
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
    """Format a decision for a terminal."""
    text = f"{decision.label} {fixed(100 * decision.confidence, 0)} %" if decision.label else "nobody is seen"
    late = f", {dropped} decisions dropped" if dropped else ""
    return f"{decision.time:7.1f} s  {text}  ({1000 * decision.latency:.0f} ms{late})"


def summary(statistics: StreamStatistics, fps: float, skipped: Counter[str], crowded: int) -> list[str]:
    """Return sentences on a stream: its speed and latency, and what was dropped or skipped."""
    rate = statistics.frames / statistics.seconds if statistics.seconds else 0.0
    length = f"{_count(statistics.frames, 'frame')}, {statistics.frames / fps:.1f} s of input"
    sentences = [f"{length}, in {statistics.seconds:.1f} s: {rate:,.1f} frames/s"]
    if statistics.latencies:
        middle, late = (1000 * value for value in np.percentile(statistics.latencies, [50, 95]))
        made = _count(len(statistics.latencies), "decision")
        sentences.append(f"{made}, latency {middle:.0f} ms (median), 95 % within {late:.0f} ms")
    if statistics.dropped:
        sentences.append(f"{_count(statistics.dropped, 'decision')} dropped: due faster than they could be made")
    if skipped:
        kinds = "; ".join(f"{count:,} × {kind}" for kind, count in skipped.most_common())
        sentences.append(f"{_count(skipped.total(), 'line')} skipped: {kinds}")
    if crowded:
        sentences.append(
            f"{_count(crowded, 'frame')} with more people than the network looks at; who moves most was kept"
        )
    return sentences


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
