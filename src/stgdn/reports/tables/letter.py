"""The letter's tables: networks, streams and data of each; and tables for other data."""

from dataclasses import dataclass

BASELINE = "agcn_7l"
ABLATION = ("agcn", "agcn_7l", "st_gdn2", "st_gdn_t", "st_gdn_e", "st_gdcn", "st_gdn")
PAIR = ("joint", "bone")
TRIO = (*PAIR, "joint+bone")


@dataclass(frozen=True)
class Layout:
    """Describe the rows of a table."""

    name: str  # `table1`, ... or the name of the data
    title: str
    data: tuple[str, ...]
    models: tuple[str, ...]  # networks with a row even without a run
    streams: tuple[str, ...]  # of each of these networks
    command: str  # that runs all rows
    others: bool = True  # whether to add values published for other networks on these data
    gains: bool = False  # whether to compare with the letter's baseline of seven layers
    everything: bool = False  # whether to add all other runs on these data


def _table(number: int, title: str, *data: str) -> Layout:
    command = f"python src/train.py experiment=table{number}"
    return Layout(f"table{number}", title, data, ("st_gdn",), TRIO, command)


LETTER = (
    Layout(
        "table1",
        "Table I, the ablation, NTU RGB+D 60 cross-subject",
        ("ntu60_xsub",),
        ABLATION,
        PAIR,
        "python src/train.py experiment=table1",
        others=False,
        gains=True,
    ),
    _table(2, "Table II, NTU RGB+D 60 cross-subject and cross-view", "ntu60_xsub", "ntu60_xview"),
    _table(3, "Table III, NTU RGB+D 120 cross-subject and cross-setup", "ntu120_xsub", "ntu120_cset"),
    _table(4, "Table IV, Kinetics-Skeleton", "kinetics"),
)


def other_data(data: str) -> Layout:
    """Return the table of the ablation and all other runs on data that is not in the letter."""
    command = f"python src/train.py experiment=table1 data={data}"
    return Layout(data, f"Runs on {data}", (data,), ABLATION, PAIR, command, gains=True, everything=True)


def other_runs(data: tuple[str, ...]) -> Layout:
    """Return the table of runs on the letter's data that are in none of its tables."""
    return Layout("other", "Other runs on the letter's data", data, (), (), "", others=False, gains=True)
