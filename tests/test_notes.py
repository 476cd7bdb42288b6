"""Notes: sentences about samples that add up over batches and files."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from mirrisk.notes import COUNT, WHO, AddedUp, Note

TEMPLATE = f"not corrected in {WHO}: too few reads"


def note(*rows: int, total: int = 10, template: str = TEMPLATE) -> Note:
    """A note about some of s0, s1, ..."""
    chosen = np.isin(np.arange(total), rows)
    return Note.of(template, chosen, [f"s{i}" for i in range(total)])


@pytest.mark.parametrize(
    ("rows", "total", "who"),
    [
        ((2,), 10, "sample s2"),
        ((2, 3), 10, "samples s2, s3"),
        ((2, 3, 7), 10, "samples s2, s3, s7"),
        ((2, 3, 7, 9), 10, "4 samples (s2, s3, s7, ...)"),
        ((0, 1), 2, "all samples"),
        ((0,), 1, "sample s0"),
    ],
)
def test_few_samples_are_named_and_many_counted(rows, total, who):
    assert note(*rows, total=total) == f"not corrected in {who}: too few reads"


def test_number_stands_where_the_sentence_wants_it():
    found = note(1, 2, 3, 4, template=f"{COUNT} lack a row: not known of {WHO}")
    assert found == "4 lack a row: not known of 4 samples (s1, s2, s3, ...)"


def test_samples_called_like_a_place_in_the_sentence_stay_what_they_are():
    found = Note.of(TEMPLATE, np.array([True, False]), ["{count}", "x"])
    assert found == "not corrected in sample {count}: too few reads"


@pytest.mark.parametrize("word", ["{who} {count}", "{names}", "{0}", "%s"])
def test_words_of_the_user_in_a_sentence_stay_what_they_are(word):
    found = note(1, 2, template=f"reference {word}: not corrected in {WHO}")
    assert found == f"reference {word}: not corrected in samples s1, s2"
    assert found.without_names() == f"reference {word}: not corrected in 2 samples"
    assert found.without_samples() == f"reference {word}: not corrected"


@pytest.mark.parametrize(
    ("rows", "total", "who"),
    [((2,), 10, "1 sample"), ((2, 3), 10, "2 samples"), ((0, 1), 2, "all samples")],
)
def test_samples_are_counted_where_none_may_be_named(rows, total, who):
    assert note(*rows, total=total).without_names() == f"not corrected in {who}: too few reads"


def test_a_note_is_text_with_the_methods_of_text():
    assert note(1).count("o") == "not corrected in sample s1: too few reads".count("o")


def test_a_note_is_text_to_its_readers():
    assert isinstance(note(1), str)
    assert json.dumps([note(1)]) == '["not corrected in sample s1: too few reads"]'


def test_parts_of_a_table_add_up_to_the_whole():
    first = Note.of(TEMPLATE, np.array([False, True, True]), ["a", "b, c", "d: e"])
    second = Note.of(TEMPLATE, np.array([True, True]), ["f", "g"])
    assert first.plus(second) == "not corrected in 4 samples (b, c, d: e, f, ...): too few reads"
    assert (first.plus(second).n_samples, first.plus(second).of_total) == (4, 5)


def test_all_samples_of_a_part_are_some_of_the_table():
    everyone = note(0, 1, total=2)
    assert everyone.out_of(3) == "not corrected in samples s0, s1: too few reads"


def test_samples_of_one_name_in_several_files_are_named_once():
    one = Note.of(TEMPLATE, np.array([True]), ["reads"])
    assert one.plus(one).plus(one).names == ("reads",)
    assert one.plus(one).n_samples == 2


def test_a_note_is_divided_among_consecutive_samples():
    whole = note(0, 1, 4, 5, 6, 7, total=8)
    names = [f"s{i}" for i in range(8)]
    assert whole.within(0, names[:2]) == "not corrected in all samples: too few reads"
    assert whole.within(2, names[2:4]) is None
    assert whole.within(3, names[3:5]) == "not corrected in sample s4: too few reads"
    assert whole.plus(note(1)).within(0, names) is None  # of what was added up places are unknown


def test_a_note_survives_a_file_and_another_process():
    found = note(2, 3, 7, 9)
    kept = json.loads(json.dumps(found.to_dict()))
    for again in (Note(**kept), pickle.loads(pickle.dumps(found))):
        assert again == found
        assert (again.template, again.n_samples, again.of_total) == (TEMPLATE, 4, 10)
        assert again.names == ("s2", "s3", "s7")


def test_each_note_is_said_once_and_those_on_samples_together():
    told = AddedUp()
    told.add(["the table was turned", note(1, total=2)])
    told.add(["the table was turned", note(0, 1, total=2), "another"])
    assert told.of(4) == (
        "the table was turned",
        "not corrected in 3 samples (s1, s0, ...): too few reads",
        "another",
    )
    about = told.about(TEMPLATE)
    assert about is not None
    assert about.n_samples == 3
    assert told.about("the table was turned") is None


def test_all_samples_of_all_parts_are_all_samples():
    told = AddedUp()
    told.add([note(0, 1, total=2)])
    told.add([note(0, total=1)])
    assert told.of(3) == ("not corrected in all samples: too few reads",)
    assert told.of(5)[0].startswith("not corrected in 3 samples (s0, s1, ...)")
