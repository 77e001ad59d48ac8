"""Timing in turn, and what is printed with it."""

import time

from stgdn.benchmark.timing import TURN, machine, median_seconds, table, time_in_turn


def test_calls_take_turns_and_get_the_number_of_their_earlier_calls() -> None:
    called: list[tuple[str, int]] = []

    def call(name: str, seconds: float):  # noqa: ANN202
        return lambda n: (called.append((name, n)), time.sleep(seconds))

    measured = time_in_turn({"slow": call("slow", 2 * TURN), "quick": call("quick", TURN / 4)}, rounds=3)
    numbers = {name: [number for other, number in called if other == name] for name in measured}
    assert all(found == list(range(len(found))) for found in numbers.values())
    turns = [name for i, (name, _) in enumerate(called) if i == 0 or called[i - 1][0] != name]
    assert turns == ["slow", "quick"] * 3
    assert len(numbers["slow"]) == 3 * 2  # of which the first is not counted
    assert len(numbers["quick"]) > 3 * 2
    assert [len(turns) for turns in measured.values()] == [3, 3]
    for turns, seconds in zip(measured.values(), (2 * TURN, TURN / 4), strict=True):
        assert all(seconds <= turn.median < 20 * seconds for turn in turns)


def test_the_first_call_of_a_turn_is_not_counted() -> None:
    seconds = median_seconds({"one": lambda n: time.sleep(0.001 if n % 2 else 0.3 * (n < 2))}, rounds=1)
    assert seconds["one"] < 0.1


def test_the_machine() -> None:
    assert "cores" in machine()
    assert "numpy 2." in machine()


def test_table_is_markdown() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
