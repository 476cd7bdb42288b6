"""Which columns serve which members, with what weight, and why others do not."""

from __future__ import annotations

import numpy as np
import pytest
from cohorts import member, panel, strangers

from mirrisk.alignment import align, reference_key
from mirrisk.catalog import load_panel
from mirrisk.errors import MismatchError
from mirrisk.expression import index_features

CLUSTER = panel(
    member("A", "hsa-miR-409-3p", "hsa-miR-409-5p", risk_when="high", weight=2.0),
    member("B", "hsa-miR-34a-5p", risk_when="low"),
    member("C", "hsa-miR-16-5p", risk_when="low", specimens=["serum"]),
    member("D", "hsa-miR-21-5p", risk_when=None),
)
MATURE = ("hsa-miR-409-3p", "hsa-miR-409-5p", "hsa-miR-34a-5p", "hsa-miR-16-5p", "hsa-miR-21-5p")
STEM_LOOPS = ("hsa-mir-409", "hsa-mir-34a", "hsa-mir-16-1", "hsa-mir-21")


def lay(of=CLUSTER, *, keys=MATURE, columns=MATURE, level="mature", specimen="tissue"):
    return align(
        of, specimen=specimen, level=level, reference_keys=keys, index=index_features(columns)
    )


def by_mirna(alignment, attribute):
    return {slot.mirna: getattr(slot, attribute) for slot in alignment.slots}


def test_members_share_the_score_by_weight_and_direction_and_mirnas_their_members():
    alignment = lay()
    assert by_mirna(alignment, "weight") == {
        "hsa-miR-409-3p": 1.0,  # +2, shared by two
        "hsa-miR-409-5p": 1.0,
        "hsa-miR-34a-5p": -1.0,
        "hsa-miR-16-5p": 0.0,
        "hsa-miR-21-5p": 0.0,
    }
    # Usable weight in tissue is 2 + 1.
    np.testing.assert_allclose(alignment.shares, [1 / 3, 1 / 3, 1 / 3])
    assert alignment.weights.tolist() == [1.0, 1.0, -1.0]


def test_weights_per_log2_unit_are_multiplied_by_standard_deviations_and_shares_are_not():
    sd = {"hsa-miR-409-3p": 0.5, "hsa-miR-409-5p": 2.0, "hsa-miR-34a-5p": 3.0}
    alignment = lay().per_normal_score(sd)
    assert alignment.weights.tolist() == [0.5, 2.0, -3.0]  # of +1, +1, -1
    np.testing.assert_allclose(alignment.shares, [1 / 3, 1 / 3, 1 / 3])
    assert by_mirna(alignment, "weight")["hsa-miR-21-5p"] == 0.0


def test_every_mature_mirna_has_a_slot_in_the_panels_order_and_says_why_it_does_not_count():
    alignment = lay()
    assert tuple(slot.mirna for slot in alignment.slots) == MATURE
    statuses = ["used", "used", "used", "specimen", "contested"]
    assert list(by_mirna(alignment, "status").values()) == statuses
    assert alignment.scored == (0, 1, 2)
    assert alignment.members.tolist() == [0, 0, 1]
    assert alignment.member_names == ("A", "B")
    assert not alignment.single_marker


def test_mirna_not_in_the_reference_lowers_coverage_and_leaves_its_member_its_weight():
    alignment = lay(keys=("hsa-miR-409-3p", "hsa-miR-34a-5p"))
    assert by_mirna(alignment, "status")["hsa-miR-409-5p"] == "missing"
    assert by_mirna(alignment, "why")["hsa-miR-409-5p"] == "not_in_reference"
    assert alignment.weights.tolist() == [2.0, -1.0]
    np.testing.assert_allclose(alignment.shares, [1 / 3, 1 / 3])


def test_member_not_in_the_reference_lowers_coverage_by_its_whole_share():
    alignment = lay(keys=("hsa-miR-34a-5p",))
    np.testing.assert_allclose(alignment.shares, [1 / 3])
    assert alignment.single_marker


def test_mirna_not_in_the_table_stays_part_of_the_full_panel():
    alignment = lay(columns=("hsa-miR-409-3p", "hsa-miR-34a-5p"))
    assert by_mirna(alignment, "why")["hsa-miR-409-5p"] == "not_in_table"
    assert alignment.weights.tolist() == [1.0, 1.0, -1.0]
    np.testing.assert_allclose(alignment.shares, [1 / 3, 1 / 3, 1 / 3])


def test_minor_arm_is_not_resolved_by_stem_loops_and_the_other_carries_the_member():
    keys = ("hsa-mir-409", "hsa-mir-34a", "hsa-mir-16")
    alignment = lay(keys=keys, columns=STEM_LOOPS, level="stem-loop")
    assert by_mirna(alignment, "status")["hsa-miR-409-5p"] == "arm_not_resolved"
    assert by_mirna(alignment, "key")["hsa-miR-409-5p"] == ""
    assert by_mirna(alignment, "matched")["hsa-miR-409-3p"] == "hsa-mir-409"
    assert alignment.weights.tolist() == [2.0, -1.0]
    np.testing.assert_allclose(alignment.shares, [2 / 3, 1 / 3])


def test_member_of_minor_arms_alone_keeps_its_weight_out_of_the_coverage():
    minor = panel(
        member("minor", "hsa-miR-409-5p", weight=3.0),
        member("B", "hsa-miR-34a-5p", risk_when="low"),
    )
    alignment = lay(
        minor, keys=("hsa-mir-409", "hsa-mir-34a"), columns=STEM_LOOPS, level="stem-loop"
    )
    np.testing.assert_allclose(alignment.shares, [1 / 4])


def test_mature_columns_serve_a_stem_loop_together():
    alignment = lay(
        keys=("hsa-mir-34a",),
        columns=("hsa-miR-34a-3p", "hsa-miR-34a-5p", *strangers(2)),
        level="stem-loop",
    )
    assert by_mirna(alignment, "matched")["hsa-miR-34a-5p"] == "hsa-miR-34a-3p + hsa-miR-34a-5p"


def test_column_that_may_denote_another_arm_is_ambiguous():
    alignment = lay(columns=("hsa-miR-409", "hsa-miR-34a-5p"))
    assert by_mirna(alignment, "status")["hsa-miR-409-3p"] == "ambiguous"
    assert by_mirna(alignment, "why")["hsa-miR-409-3p"] == ""


def test_direction_is_not_carried_over_to_another_specimen():
    alignment = lay(specimen="serum")
    assert alignment.member_names == ("C",)
    assert alignment.single_marker
    assert by_mirna(alignment, "status")["hsa-miR-34a-5p"] == "specimen"
    np.testing.assert_allclose(alignment.shares, [1.0])


def test_panel_without_a_direction_in_the_specimen_is_refused_with_those_it_has():
    with pytest.raises(MismatchError, match="no member whose direction is known in ev") as e:
        lay(specimen="ev")
    assert e.value.expected == "specimen serum or tissue"
    assert e.value.remedy.startswith("choose another panel")


def test_reference_without_any_member_is_refused():
    with pytest.raises(MismatchError, match=r"holds no member of panel 'toy'.* in tissue") as e:
        lay(keys=("hsa-miR-16-5p",))  # a member, but not in tissue
    assert e.value.remedy == "use a reference whose cohort measured them"


def test_mir_141_is_excluded_in_vesicles_where_its_direction_turns():
    prostate = load_panel("prostate")
    keys = [mirna.name for _, mirna in prostate.features()]
    alignment = lay(prostate, keys=keys, columns=keys, specimen="ev")
    assert by_mirna(alignment, "status")["hsa-miR-141-3p"] == "specimen"
    assert by_mirna(alignment, "weight")["hsa-miR-141-3p"] == 0.0
    assert alignment.member_names == ("miR-152-3p",)


@pytest.mark.parametrize(
    ("mirna", "level", "key"),
    [
        ("hsa-miR-409-5p", "mature", "hsa-miR-409-5p"),
        ("hsa-miR-409-3p", "stem-loop", "hsa-mir-409"),
        ("hsa-miR-409-5p", "stem-loop", None),
        ("hsa-miR-193a-5p", "stem-loop", None),  # no arm is known to dominate
        ("hsa-miR-16-5p", "stem-loop", "hsa-mir-16"),  # two loci, one key
    ],
)
def test_stem_loop_stands_for_its_dominant_arm_only(mirna, level, key):
    assert reference_key(mirna, level) == key
