import numpy as np
import pytest

from stgdn.data.official_lists import official_list
from stgdn.data.protocols import (
    COUNTS,
    NTU60_SUBJECTS,
    NTU120_SUBJECTS,
    PROTOCOLS,
    SBU_FOLDS,
    Protocol,
    check_counts,
    find_protocol,
    split_clips,
)
from stgdn.data.readers.ntu.ntu_reader import RECORDED, USABLE, parse_name
from stgdn.errors import InputError

# What the papers of the two sets state, kept apart from the code's own list.
XSUB_60 = "1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38"
XSUB_120 = XSUB_60 + (
    ", 45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86, 89, 91, 92, 93, 94, "
    "95, 97, 98, 100, 103"
)


def trains(protocol: str, subject: int = 1, camera: int = 1, setup: int = 1) -> bool:
    return bool(split_clips(protocol, [subject], [camera], [setup]).train[0])


@pytest.mark.parametrize(
    ("protocol", "by", "training", "everything"),
    [
        ("ntu60_xsub", "subject", {int(s) for s in XSUB_60.split(",")}, range(1, 41)),
        ("ntu120_xsub", "subject", {int(s) for s in XSUB_120.split(",")}, range(1, 107)),
        ("ntu60_xview", "camera", {2, 3}, range(1, 4)),
        ("nw_ucla_xview", "camera", {1, 2}, range(1, 4)),
        ("utd_mhad_xsub", "subject", {1, 3, 5, 7}, range(1, 9)),
        ("kinetics_val", "setup", {1}, range(1, 3)),
        ("ntu120_cset", "setup", {s for s in range(1, 33) if s % 2 == 0}, range(1, 33)),
    ],
)
def test_training_values(protocol: str, by: str, training: set[int], everything: range) -> None:
    assert {value for value in everything if trains(protocol, **{by: value})} == training


def test_folds_test_every_pair_once() -> None:
    pairs = [pair for fold in SBU_FOLDS for pair in fold]
    assert len(pairs) == len(set(pairs)) == 21
    assert all(102 <= pair <= 703 and pair // 100 != pair % 100 for pair in pairs)
    for number, fold in enumerate(SBU_FOLDS, 1):
        assert {pair for pair in pairs if not trains(f"sbu_fold{number}", setup=pair)} == set(fold)
        assert sum(COUNTS["sbu", f"sbu_fold{number}"]) == 282


def test_training_subjects_are_half_of_all() -> None:
    assert len(NTU60_SUBJECTS) == len(set(NTU60_SUBJECTS)) == 20
    assert len(NTU120_SUBJECTS) == len(set(NTU120_SUBJECTS)) == 53


def test_splits_are_vectorised() -> None:
    rng = np.random.default_rng(0)
    facts = {"subject": rng.integers(1, 41, 500), "camera": rng.integers(1, 4, 500), "setup": rng.integers(1, 18, 500)}
    for name, protocol in PROTOCOLS.items():
        train, test = split_clips(name, facts["subject"], facts["camera"], facts["setup"])
        assert train.dtype == test.dtype == np.bool_
        values = [int(value) for value in facts[protocol.by]]
        if protocol.train is not None:
            assert train.tolist() == [value in protocol.train for value in values]
        if protocol.test is not None:
            assert test.tolist() == [value in protocol.test for value in values]
        if None in (protocol.train, protocol.test):
            assert (train ^ test).all()
    assert [part.shape for part in split_clips("ntu60_xsub", [], [], [])] == [(0,), (0,)]


def test_the_test_view_is_never_read_while_a_recipe_is_chosen() -> None:
    train, test = split_clips("nw_ucla_dev", [1, 1, 1], [1, 2, 3], [1, 1, 1])
    assert (train.tolist(), test.tolist()) == ([True, False, False], [False, True, False])
    assert str(PROTOCOLS["nw_ucla_dev"]) == "trained on camera 1 and tested on camera 2"
    assert str(PROTOCOLS["nw_ucla_xview"]) == "trained on camera 1, 2 and tested on the others"


@pytest.mark.parametrize("by", ["subject", "camera", "setup"])
def test_leave_one_out(by: str) -> None:
    numbers = [[3, 13, 1] if by == field else [1, 1, 1] for field in ("subject", "camera", "setup")]
    train, test = split_clips(f"{by}3_out", numbers[0], numbers[1], numbers[2])
    assert (train.tolist(), test.tolist()) == ([False, True, True], [True, False, False])
    assert str(find_protocol(f"{by}3_out")) == f"trained on the others and tested on {by} 3"
    own = {f"{by}3_out": Protocol("subject", (7,))}
    assert find_protocol(f"{by}3_out", own) == own[f"{by}3_out"]
    with pytest.raises(InputError, match=f"unknown protocol '{by}_out', .*did you mean '{by}1_out'"):
        find_protocol(f"{by}_out")


def test_unknown_protocol() -> None:
    with pytest.raises(InputError, match=r"unknown protocol 'ntu60_xsubb', allowed: .*did you mean 'ntu60_xsub'"):
        split_clips("ntu60_xsubb", [1], [1], [1])
    assert check_counts("ntu120", "xset", 1, 1) is None  # of a data set's own protocol nothing is known


def test_a_data_set_may_bring_its_own() -> None:
    own = {"mine": Protocol("subject", (7,)), "ntu60_xsub": Protocol("camera", (1,))}
    facts = {"subject": [7, 1, 7], "camera": [1, 1, 2], "setup": [1, 1, 1], "own": own}
    assert split_clips("mine", **facts).train.tolist() == [True, False, True]
    assert split_clips("ntu60_xsub", **facts).train.tolist() == [True, True, False]
    assert split_clips("ntu60_xview", **facts).train.tolist() == [False, False, True]


def test_a_protocol_needs_what_it_splits_by() -> None:
    with pytest.raises(InputError, match="'ntu60_xsub' splits by subject, but 2 of 3 clips have none"):
        split_clips("ntu60_xsub", [1, -1, -1], [-1] * 3, [-1] * 3)
    assert split_clips("ntu60_xview", [-1], [2], [-1]).train.all()


# Every setup, subject and repetition of NTU RGB+D was recorded with 60 actions by 3 cameras, so the clips recorded,
# official ones and missing ones together, are a multiple of 180.
@pytest.mark.parametrize(
    ("dataset", "protocol", "recorded"),
    [
        ("ntu60", "ntu60_xsub", (40_320, 16_560)),
        ("ntu60", "ntu60_xview", (37_920, 18_960)),
        ("ntu120", "ntu120_xsub", (63_360, 51_120)),
        ("ntu120", "ntu120_cset", (54_720, 59_760)),
    ],
)
def test_official_counts_are_what_is_recorded_less_what_is_missing(
    dataset: str, protocol: str, recorded: tuple[int, int]
) -> None:
    missing = [name for text in official_list(f"missing_{dataset}") if (name := parse_name(text))]
    facts = [[getattr(found, field) for found in missing] for field in ("subject", "camera", "setup")]
    mask = split_clips(protocol, facts[0], facts[1], facts[2]).train
    train, test = COUNTS[dataset, protocol]
    assert (train + mask.sum(), test + (~mask).sum()) == recorded
    assert train + test == USABLE[int(dataset.removeprefix("ntu"))]
    assert recorded[0] % 60 == recorded[1] % 60 == 0


def test_check_counts() -> None:
    for (dataset, protocol), (train, test) in COUNTS.items():
        assert check_counts(dataset, protocol, train, test) is None
        assert (
            f"{protocol} has {train - 2:,} training and {test + 1_000:,} test clips, officially {train:,} and"
            in str(check_counts(dataset, protocol, train - 2, test + 1_000))
        )
    assert str(check_counts("nw_ucla", "nw_ucla_xview", 1_018, 464)).endswith("1,020 and 464: -2 and +0")
    assert check_counts("demo", "ntu60_xsub", 3, 4) is None


def test_lists_of_names() -> None:
    actions = official_list("actions_ntu120")
    assert len(actions) == len(set(actions)) == 120
    assert (actions[0], actions[59], actions[60]) == (
        "drink water",
        "walking apart from each other",
        "put on headphone",
    )
    assert len(official_list("actions_nw_ucla")) == 10
    assert len(set(official_list("actions_kinetics400"))) == 400
    with pytest.raises(FileNotFoundError):
        official_list("actions_elsewhere")


def test_missing_lists() -> None:
    small, large = set(official_list("missing_ntu60")), set(official_list("missing_ntu120"))
    assert (len(small), len(large)) == (302, 535)
    assert small < large
    assert all(parse_name(name) for name in large)
    assert RECORDED[60] - len(small) == USABLE[60]
    assert RECORDED[120] - len(large) == USABLE[120]


def test_names_and_shares() -> None:
    names = [f"{label}/{number:02}" for label in ("bow", "wave") for number in range(10)] + ["nod/00"]
    labels = [0] * 10 + [1] * 10 + [2]
    nothing = np.full(len(names), -1)

    def train(rule: Protocol) -> list[str]:
        split = split_clips("own", nothing, nothing, nothing, {"own": rule}, names, labels)
        np.testing.assert_array_equal(split.test, ~split.train)
        return [name for name, chosen in zip(names, split.train, strict=True) if chosen]

    assert train(Protocol("name", ("wave/0[12]", "nod/*", "bow/07"))) == ["bow/07", "wave/01", "wave/02", "nod/00"]
    some = train(Protocol("share", (0.8,)))
    assert [sum(name.startswith(label) for name in some) for label in ("bow", "wave", "nod")] == [8, 8, 1]
    assert some == train(Protocol("share", (0.8,)))
    assert [name[-2:] for name in some[:8]] != [f"{number:02}" for number in range(8)]
    assert len(train(Protocol("share", (0.999,)))) == 19, "a class of several clips has one to test"
