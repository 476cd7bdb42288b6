"""The rules of signature files, one broken file per rule."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from pydantic import ValidationError

from mirrisk.errors import InvalidPanelError, NotFoundError
from mirrisk.panel import Panel

ROOT = Path(__file__).resolve().parents[1]
BAD = ROOT / "tests" / "bad_signatures"
LIVER = ROOT / "signatures" / "liver.toml"

# Each defect with the path inside the file and the complaint that a user must see.
COMPLAINTS = {
    "accession_of_another_mirna": (
        "members[0].mirnas[0]: hsa-miR-34a-5p is MIMAT0000255 in miRBase v22, not MIMAT0000076"
    ),
    "accession_missing": (
        "members[0].mirnas[0]: hsa-miR-34a-5p is MIMAT0000255 in miRBase v22, which is missing"
    ),
    "accession_twice": "members[0].mirnas[0] and members[1].mirnas[0]: MIMAT9999999 occurs twice",
    "bad_doi": "members[0].evidence[0].study.doi: not in the form expected, got 'https://doi.org/",
    "bad_pmid": "members[0].evidence[0].study.pmid: not in the form expected, got 'PMID:12345'",
    "bone_specific_in_words": "members[0].bone_specific: Input should be a valid boolean",
    "contested_with_basis": "members[0]: a contested member has the basis 'none'",
    "contested_with_direction": "members[0]: a contested member has no risk_when",
    "contested_with_specimens": "members[0]: a contested member has no specimens",
    "direction_missing": "members[0]: a member whose status is 'consistent' needs risk_when",
    "direction_without_basis": "members[0]: a member with risk_when needs a basis",
    "direction_without_specimens": "members[0]: a member with risk_when needs the specimens",
    "endpoint_empty": "endpoint: must not be empty",
    "evidence_without_study": "members[1].evidence[0]: evidence from a study needs a [study] table",
    "former_name": (
        "members[0].mirnas[0]: MIMAT0000255 is hsa-miR-34a-5p in miRBase v22, not hsa-miR-34a"
    ),
    "former_name_without_accession": (
        "members[0].mirnas[0]: hsa-miR-34a without an accession may be hsa-miR-34a-5p"
    ),
    "id_is_not_file_name": "id is 'liver' but the file is named 'id_is_not_file_name'",
    "id_with_capitals": "id: not in the form expected, got 'Liver'",
    "malformed_accession": "members[0].mirnas[0].accession: not in the form expected",
    "member_name_empty": "members[1].name: must not be empty",
    "member_name_twice": "member name 'miR-34a' occurs twice",
    "member_without_evidence": "members[1].evidence: this key is missing",
    "member_without_mirnas": "members[0].mirnas: must not be empty",
    "members_empty": "members: must not be empty",
    "mirna_twice": "members[0].mirnas[0] and members[1].mirnas[0]: hsa-miR-34a-5p occurs twice",
    "name_of_another_species": "members[0].mirnas[0].name: not in the form expected",
    "no_members": "members: this key is missing",
    "not_toml": "not TOML",
    "not_utf8": "not TOML: 'utf-8' codec can't decode byte 0xfc",
    "references_in_words": "members[1].evidence[0].references[0]: Input should be a valid integer",
    "schema_missing": "schema: this key is missing",
    "source_missing": "source: this key is missing",
    "specimen_twice": "members[0]: specimen 'tissue' occurs twice",
    "star_name": "members[1].mirnas[0].name: not in the form expected, got 'hsa-miR-154*'",
    "stem_loop_name": "members[0].mirnas[0].name: not in the form expected, got 'hsa-mir-34a'",
    "unknown_basis": "members[0].basis: Input should be 'review', 'primary', 'title only' or",
    "unknown_confidence": "members[0].confidence: Input should be 'low', 'medium' or 'high'",
    "unknown_direction": "members[0].risk_when: Input should be 'high' or 'low', got 'down'",
    "unknown_key": "members[1].risk_if: unknown key",
    "unknown_read": "members[0].evidence[0].read: Input should be 'full text'",
    "unknown_relation": "members[0].evidence[0].relation: Input should be 'review'",
    "unknown_specimen": "members[0].specimens[1]: Input should be 'tissue', 'serum' or 'ev'",
    "unknown_status": "members[0].status: Input should be 'consistent', 'adjudicated' or",
    "unknown_weights_per": "weights_per: Input should be 'normal score' or 'log2 unit', got 'log10",
    "version_of_two_numbers": "version: not in the form expected, got '1.0'",
    "weight_in_quotes": "members[0].weight: Input should be a valid number, got '1.0'",
    "weight_infinite": "members[0].weight: Input should be a finite number",
    "weight_negative": "members[0].weight: Input should be greater than 0, got -1.0",
    "weight_zero": "members[0].weight: Input should be greater than 0, got 0",
    "wrong_schema_version": "schema: Input should be 1, got 2",
    "year_in_quotes": "members[0].evidence[0].study.year: Input should be a valid integer",
}


@pytest.fixture
def raw() -> dict[str, Any]:
    return tomllib.loads(LIVER.read_text(encoding="utf-8"))


def test_every_bad_file_has_its_complaint_and_every_complaint_its_file() -> None:
    assert {path.stem for path in BAD.iterdir()} == set(COMPLAINTS)


@pytest.mark.parametrize("defect", sorted(COMPLAINTS))
def test_bad_file_is_refused_with_path_and_reason(defect: str) -> None:
    path = BAD / f"{defect}.toml"
    with pytest.raises(InvalidPanelError) as caught:
        Panel.from_toml(path)
    error = caught.value
    assert error.what.startswith(COMPLAINTS[defect])
    assert "more)" not in error.what  # one defect, one fault
    assert error.where == str(path)
    assert error.expected


def test_malformed_name_is_refused_with_an_example_of_a_right_one() -> None:
    with pytest.raises(InvalidPanelError) as caught:
        Panel.from_toml(BAD / "star_name.toml")
    assert "hsa-miR-34a-5p" in caught.value.expected


def test_several_faults_are_counted(tmp_path: Path, raw: dict[str, Any]) -> None:
    raw["members"][0]["weight"] = -1
    raw["members"][1]["status"] = "proven"
    raw["colour"] = "red"
    with pytest.raises(InvalidPanelError, match=re.escape("(and 2 more)")):
        Panel.from_toml(_written(tmp_path, raw))


def test_absent_file_is_not_found_and_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        Panel.from_toml(tmp_path / "kidney.toml")
    assert caught.value.where.endswith("kidney.toml")
    assert "No such file" in caught.value.what


def test_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="cannot be read"):
        Panel.from_toml(tmp_path)


def test_panel_and_its_parts_cannot_be_changed() -> None:
    panel = Panel.from_toml(LIVER)
    member = panel.members[0]
    for part, attribute in (
        (panel, "version"),
        (panel.source, "doi"),
        (member, "risk_when"),
        (member.mirnas[0], "name"),
        (member.evidence[0], "read"),
        (member.evidence[1].study, "year"),
    ):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, attribute, None)
    assert isinstance(panel.members, tuple)
    assert isinstance(member.specimens, tuple)
    assert hash(panel) == hash(Panel.from_toml(LIVER))


def test_digest_of_a_minimal_panel_is_that_of_its_canonical_json() -> None:
    # printf '%s' "$JSON" | sha256sum, with the canonical JSON written by hand: all keys, also
    # those left to their defaults, sorted, without spaces.
    panel = Panel.model_validate(
        {
            "schema": 1,
            "id": "toy",
            "version": "1.0.0",
            "title": "t",
            "cancer": "c",
            "endpoint": "e",
            "source": {"citation": "s"},
            "members": [
                {
                    "name": "m",
                    "mirnas": [{"name": "hsa-miR-21-5p", "accession": "MIMAT0000076"}],
                    "risk_when": "high",
                    "status": "consistent",
                    "basis": "review",
                    "confidence": "low",
                    "bone_specific": False,
                    "specimens": ["tissue"],
                    "evidence": [{"relation": "review", "references": [1], "read": "full text"}],
                }
            ],
        }
    )
    assert panel.digest == "48f5037e64af0995ce939520c57086ff2b9ab3334ce9e68e2fbd383febcebdc5"


def test_key_younger_than_the_first_panels_changes_a_digest_only_where_it_is_not_the_default(
    raw: dict[str, Any],
) -> None:
    original = Panel.from_toml(LIVER).digest
    assert Panel.model_validate(raw | {"weights_per": "normal score"}).digest == original
    assert Panel.model_validate(raw | {"weights_per": "log2 unit"}).digest != original


def test_mirna_outside_the_facts_needs_no_accession_and_two_such_are_no_repetition(
    raw: dict[str, Any],
) -> None:
    names = ("hsa-miR-9001-5p", "hsa-miR-9002-5p")
    raw["members"][0]["mirnas"] = [{"name": name} for name in names]
    assert [m.accession for m in Panel.model_validate(raw).members[0].mirnas] == ["", ""]


def test_digest_does_not_depend_on_the_order_of_keys(tmp_path: Path, raw: dict[str, Any]) -> None:
    reordered = _written(tmp_path, _reversed_keys(raw))
    assert reordered.read_text(encoding="utf-8") != LIVER.read_text(encoding="utf-8")
    assert Panel.from_toml(reordered).digest == Panel.from_toml(LIVER).digest


def test_digest_is_changed_by_any_change_of_any_value(raw: dict[str, Any]) -> None:
    original = Panel.model_validate(raw).digest
    digests = set()
    places = list(_changeable(raw))
    for place in places:
        changed = _changed(raw, place)
        digests.add(Panel.model_validate(changed).digest)
    assert original not in digests
    assert len(digests) == len(places)
    assert len(places) > 60


def test_digest_is_changed_by_the_order_of_members(raw: dict[str, Any]) -> None:
    original = Panel.model_validate(raw).digest
    raw["members"].reverse()
    assert Panel.model_validate(raw).digest != original


def test_direction_sign_and_specimen_decide_what_is_scorable() -> None:
    panel = Panel.from_toml(ROOT / "signatures" / "prostate.toml")
    members = {member.name: member for member in panel.members}
    assert members["miR-210-3p"].sign == 1
    assert members["miR-141-3p"].sign == -1
    assert members["miR-378a-3p"].sign == 0
    assert not members["miR-378a-3p"].scored
    assert [member.name for member in panel.scorable("ev")] == ["miR-152-3p"]
    assert panel.scorable("serum") == ()


def test_features_pair_every_mirna_with_its_member_in_file_order() -> None:
    panel = Panel.from_toml(ROOT / "signatures" / "lung.toml")
    pairs = [(member.name, mirna.name) for member, mirna in panel.features()]
    assert pairs[:4] == [
        ("stromal exosome trio", "hsa-miR-193a-3p"),
        ("stromal exosome trio", "hsa-miR-210-3p"),
        ("stromal exosome trio", "hsa-miR-5100"),
        ("miR-194-5p", "hsa-miR-194-5p"),
    ]


def _written(folder: Path, raw: dict[str, Any]) -> Path:
    path = folder / f"{raw['id']}.toml"
    path.write_text(tomli_w.dumps(raw), encoding="utf-8")
    return path


def _reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed_keys(value[key]) for key in reversed(value)}
    if isinstance(value, list):
        return [_reversed_keys(item) for item in value]
    return value


# Free text and numbers: a change there leaves the file valid, so that only the digest tells.
FREE = {
    "title",
    "cancer",
    "endpoint",
    "citation",
    "conflicts",
    "ruling",
    "measured",
    "author",
    "journal",
    "year",
    "weight",
    "bone_specific",
}


def _changeable(value: Any, place: tuple[str | int, ...] = ()) -> Any:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _changeable(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _changeable(item, (*place, index))
    elif FREE.intersection(place[-1:]) or place[0] == "caveats" or "targets" in place:
        yield place


def _changed(raw: dict[str, Any], place: tuple[str | int, ...]) -> dict[str, Any]:
    copy = tomllib.loads(tomli_w.dumps(raw))
    holder: Any = copy
    for part in place[:-1]:
        holder = holder[part]
    value = holder[place[-1]]
    if isinstance(value, bool):
        holder[place[-1]] = not value
    elif isinstance(value, str):
        holder[place[-1]] = value + "."
    else:
        holder[place[-1]] = value + 1
    return copy


def test_copy_of_another_content_has_another_digest(raw: dict[str, Any]) -> None:
    panel = Panel.model_validate(raw)
    before = panel.digest
    copy = panel.model_copy(update={"version": "9.9.9"})
    assert copy.digest == Panel.model_validate(raw | {"version": "9.9.9"}).digest
    assert copy.digest != before
