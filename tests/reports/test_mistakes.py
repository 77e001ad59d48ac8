"""Mistakes against a loop over clips, and in order."""

import math

import numpy as np
from tests.reports.made_up import CLASSES, scores

from stgdn.reports.mistakes import mistakes


def test_every_mistake_and_nothing_else() -> None:
    made = scores()
    expected = {}
    for name, label, row in zip(made.names, made.labels, made.scores.astype(np.float64), strict=True):
        said = int(row.argmax())
        if said != label:
            whole = sum(math.exp(value) for value in row)
            sure, left = math.exp(row[said]) / whole, math.exp(row[label]) / whole
            expected[str(name)] = (str(CLASSES[label]), str(CLASSES[said]), sure, left)
    found = mistakes(made)
    assert {each.clip for each in found} == set(expected)
    assert 0 < len(found) < len(made.names)
    for each in found:
        assert (each.true, each.predicted) == expected[each.clip][:2]
        np.testing.assert_allclose((each.probability, each.true_probability), expected[each.clip][2:])
    assert [each.probability for each in found] == sorted((each.probability for each in found), reverse=True)


def test_of_equal_scores_the_first_class_is_said() -> None:
    alike = scores(scores=np.zeros((60, 7), np.float32), labels=np.ones(60, np.int64))
    found = mistakes(alike)
    assert {each.predicted for each in found} == {str(CLASSES[0])}
    assert [each.clip for each in found] == sorted(each.clip for each in found)
    assert str(found[0]) == "clip00: action b, taken for action a (14 % to 14 %)"


def test_none_where_all_is_right() -> None:
    values = np.eye(7, dtype=np.float32)
    assert mistakes(scores(scores=values, labels=np.arange(7), names=np.asarray(list("abcdefg")))) == []
