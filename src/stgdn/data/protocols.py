"""Evaluation protocols: training and test clips, and their official numbers.

A protocol is a field of a clip (subject, camera, setup or name) and the values of the clips that train, that test, or
of both; without one of them all other clips do; or a share of the clips that train. Protocols are data, so that a new
protocol is one more entry.
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stgdn.errors import InputError, choose

Field = Literal["subject", "camera", "setup", "name", "share"]


@dataclass(frozen=True)
class Protocol:
    """Split clips: those whose field `by` is one of `train` are for training, one of `test` for testing.

    None stands for all that the other one does not name. Clips that neither names are not read. By `name`, `train` has
    names and patterns such as `wave/*`; by `share` it is the share of each class's clips that train.
    """

    by: Field
    train: tuple[int | str | float, ...] | None = None
    test: tuple[int, ...] | None = None

    def __str__(self) -> str:
        """Return what trains and what tests, in words."""
        train, test = (
            "the others" if values is None else f"{self.by} {', '.join(map(str, values))}"
            for values in (self.train, self.test)
        )
        return f"trained on {train} and tested on {test}"


class Split(NamedTuple):
    """Hold which clips (N,) train and which test."""

    train: NDArray[np.bool_]
    test: NDArray[np.bool_]


# The training subjects as Shahroudy et al. (NTU RGB+D, 2016) and Liu et al. (NTU RGB+D 120, 2019) list them.
NTU60_SUBJECTS = (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
NTU120_SUBJECTS = (
    *NTU60_SUBJECTS,
    *(45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78),
    *(80, 81, 82, 83, 84, 85, 86, 89, 91, 92, 93, 94, 95, 97, 98, 100, 103),
)

# SBU's five test sets (Yun et al. 2012), of pairs of people: 102 is s01s02.
SBU_FOLDS = (
    (102, 304, 502, 604),
    (203, 207, 305, 503),
    (103, 107, 701, 703),
    (201, 206, 302, 306),
    (402, 403, 406, 602, 603),
)

PROTOCOLS: dict[str, Protocol] = {
    "ntu60_xsub": Protocol("subject", NTU60_SUBJECTS),
    "ntu60_xview": Protocol("camera", (2, 3)),
    "ntu120_xsub": Protocol("subject", NTU120_SUBJECTS),
    "ntu120_cset": Protocol("setup", tuple(range(2, 33, 2))),
    "nw_ucla_xview": Protocol("camera", (1, 2)),
    "nw_ucla_dev": Protocol("camera", (1,), (2,)),  # of the training views, to choose a recipe by
    "utd_mhad_xsub": Protocol("subject", (1, 3, 5, 7)),
    **{f"sbu_fold{number}": Protocol("setup", test=fold) for number, fold in enumerate(SBU_FOLDS, 1)},
    "kinetics_val": Protocol("setup", (1,)),  # the released split: 1 training, 2 validation
    "file_split": Protocol("setup", (1,)),  # a split that the source itself holds: 1 training, 2 test
}

# (data set, protocol): official numbers of (training, test) clips, after the clips on the missing lists are left out.
COUNTS: dict[tuple[str, str], tuple[int, int]] = {
    ("ntu60", "ntu60_xsub"): (40_091, 16_487),
    ("ntu60", "ntu60_xview"): (37_646, 18_932),
    ("ntu120", "ntu120_xsub"): (63_026, 50_919),
    ("ntu120", "ntu120_cset"): (54_468, 59_477),
    ("nw_ucla", "nw_ucla_xview"): (1_020, 464),
    ("nw_ucla", "nw_ucla_dev"): (516, 504),
    ("utd_mhad", "utd_mhad_xsub"): (431, 430),
    ("sbu", "sbu_fold1"): (227, 55),
    ("sbu", "sbu_fold2"): (230, 52),
    ("sbu", "sbu_fold3"): (226, 56),
    ("sbu", "sbu_fold4"): (228, 54),
    ("sbu", "sbu_fold5"): (217, 65),
    ("kinetics", "kinetics_val"): (240_436, 19_796),
}


# Leave one out: subject3_out trains on everybody but subject 3, who tests.
ONE_OUT = re.compile(r"(subject|camera|setup)(\d{1,9})_out", re.ASCII)


def find_protocol(name: str, own: Mapping[str, Protocol] | None = None) -> Protocol:
    """Return the protocol of a name: one of the data set's `own`, of `PROTOCOLS`, or `subjectN_out` for any number."""
    rules = PROTOCOLS | dict(own or {})
    if name not in rules and (found := ONE_OUT.fullmatch(name)):
        by: Field = found[1]  # pyright: ignore[reportAssignmentType]
        return Protocol(by, test=(int(found[2]),))
    return rules[choose(name, [*rules, "subject1_out", "camera1_out", "setup1_out"], "protocol")]


def split_clips(
    protocol: str,
    subject: ArrayLike,
    camera: ArrayLike,
    setup: ArrayLike,
    own: Mapping[str, Protocol] | None = None,
    name: ArrayLike = (),
    label: ArrayLike = (),
) -> Split:
    """Return which clips train and which test, (N,) each.

    Args:
        protocol: as of `find_protocol`.
        subject: (N,) integers, counted as in the data set (from 1).
        camera: (N,) integers.
        setup: (N,) integers.
        own: the data set's own protocols; these come before `PROTOCOLS` of the same name.
        name: (N,) words, of a data set with protocols by name or share.
        label: (N,) integers, of the same.

    Raises:
        InputError: the protocol splits by a field that some clips do not have (a negative number).
    """
    rule = find_protocol(protocol, own)
    if rule.by in ("name", "share"):
        names, listed = np.asarray(name).tolist(), rule.train or ()
        train = np.array([any(fnmatchcase(name, str(pattern)) for pattern in listed) for name in names], np.bool_)
        if rule.by == "share":
            train = _shared(names, np.asarray(label), float(*listed))
        return Split(train, ~train)
    values = np.asarray({"subject": subject, "camera": camera, "setup": setup}[rule.by], dtype=np.int64)
    unknown = int(np.count_nonzero(values < 0))
    if unknown:
        raise InputError(f"protocol '{protocol}' splits by {rule.by}, but {unknown} of {values.size} clips have none")
    train, test = (np.isin(values, () if listed is None else listed) for listed in (rule.train, rule.test))
    return Split(~test if rule.train is None else train, ~train if rule.test is None else test)


def _shared(names: list[str], labels: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Choose a share of the clips of each class, at least one and, of several, not all, in an order made from names."""
    train = np.zeros(len(names), np.bool_)
    order = np.array([zlib.crc32(name.encode()) for name in names])
    for label in np.unique(labels):
        clips = np.flatnonzero(labels == label)
        count = max(min(round(share * len(clips)), len(clips) - 1), 1)
        train[clips[np.argsort(order[clips], kind="stable")[:count]]] = True
    return train


def check_counts(dataset: str, protocol: str, train: int, test: int) -> str | None:
    """Return a sentence if the numbers of clips are not the official ones; None if they are, or these are not known."""
    official = COUNTS.get((dataset, protocol))
    if official is None or official == (train, test):
        return None
    return (
        f"{protocol} has {train:,} training and {test:,} test clips, officially {official[0]:,} and {official[1]:,}: "
        f"{train - official[0]:+,} and {test - official[1]:+,}"
    )
