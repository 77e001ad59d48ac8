"""Evaluation protocols: training and test clips, and their official numbers.

A protocol is a field of a clip (subject, camera or setup) and the values of the training clips; all other clips test.
Protocols are data, so that a new protocol is one more entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stgdn.errors import InputError, choose


@dataclass(frozen=True)
class Protocol:
    """Split clips: those whose field `by` is one of `train` are for training, the others for testing."""

    by: Literal["subject", "camera", "setup"]
    train: tuple[int, ...]


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
    "utd_mhad_xsub": Protocol("subject", (1, 3, 5, 7)),
    **{
        f"sbu_fold{number}": Protocol("setup", tuple(pair for fold in SBU_FOLDS if fold != test for pair in fold))
        for number, test in enumerate(SBU_FOLDS, 1)
    },
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
    ("utd_mhad", "utd_mhad_xsub"): (431, 430),
    ("sbu", "sbu_fold1"): (227, 55),
    ("sbu", "sbu_fold2"): (230, 52),
    ("sbu", "sbu_fold3"): (226, 56),
    ("sbu", "sbu_fold4"): (228, 54),
    ("sbu", "sbu_fold5"): (217, 65),
    ("kinetics", "kinetics_val"): (240_436, 19_796),
}


def training_mask(
    protocol: str,
    subject: ArrayLike,
    camera: ArrayLike,
    setup: ArrayLike,
    own: Mapping[str, Protocol] | None = None,
) -> NDArray[np.bool_]:
    """Return (N,), True for training clips and False for test clips.

    Args:
        protocol: a key of `PROTOCOLS` or of `own`.
        subject: (N,) integers, counted as in the data set (from 1).
        camera: (N,) integers.
        setup: (N,) integers.
        own: the data set's own protocols; these come before `PROTOCOLS` of the same name.

    Raises:
        InputError: no such protocol, or it splits by a field that some clips do not have (a negative number).
    """
    rules = PROTOCOLS | dict(own or {})
    rule = rules[choose(protocol, rules, "protocol")]
    values = np.asarray({"subject": subject, "camera": camera, "setup": setup}[rule.by], dtype=np.int64)
    unknown = int(np.count_nonzero(values < 0))
    if unknown:
        raise InputError(f"protocol '{protocol}' splits by {rule.by}, but {unknown} of {values.size} clips have none")
    return np.isin(values, rule.train)


def check_counts(dataset: str, protocol: str, train: int, test: int) -> str | None:
    """Return a sentence if the numbers of clips are not the official ones; None if they are, or these are not known."""
    official = COUNTS.get((dataset, protocol))
    if official is None or official == (train, test):
        return None
    return (
        f"{protocol} has {train:,} training and {test:,} test clips, officially {official[0]:,} and {official[1]:,}: "
        f"{train - official[0]:+,} and {test - official[1]:+,}"
    )
