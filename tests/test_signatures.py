"""The shipped panels against the curated table, miRBase, the schema and the review's wording."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mirrisk.panel import Panel, json_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mirrisk.panel import Evidence, Member

ROOT = Path(__file__).resolve().parents[1]
SIGNATURES = ROOT / "signatures"
SHARED = ROOT.parent / "shared"
EVIDENCE = SHARED / "curation" / "evidence.tsv"
REVIEW = SHARED / "curation" / "review.txt"
MIRBASE = SHARED / "nomenclature" / "human_mature.tsv"

PANELS = ("breast", "ewing_sarcoma", "liver", "lung", "osteosarcoma", "prostate", "thyroid")
# The columns that hold what was read of a study, and how it hangs together with the review.
READ = {
    "abstract read": "abstract",
    "abstract not read": "title",
    "reworded copy of the abstract read": "reworded abstract",
    "conference report": "conference report",
}
RELATION = {
    "matched to the review by content": "matched",
    "candidate, unconfirmed": "candidate",
    "independent of the review": "independent",
}


def needs(path: Path) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not path.exists(), reason=f"../shared/{path.name} is not here")


@cache
def panel(name: str) -> Panel:
    return Panel.from_toml(SIGNATURES / f"{name}.toml")


def table(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


CLAIMS = table(EVIDENCE)


def items(cell: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in cell.split(";") if item.strip())


def member_of(claim: dict[str, str]) -> Member:
    return next(m for m in panel(claim["panel"]).members if m.name == claim["member"])


def reference_numbers(cell: str) -> tuple[int, ...]:
    """Read '23-26' as 23, 24, 25, 26 and leave out remarks in brackets."""
    ranges = re.findall(r"(\d+)(?:-(\d+))?", re.sub(r"\([^)]*\)", "", cell))
    return tuple(n for first, last in ranges for n in range(int(first), int(last or first) + 1))


def studies(claim: dict[str, str]) -> list[list[str]]:
    return [cell.split(" | ") for cell in claim["studies"].split(" || ") if cell.strip()]


def texts(name: str) -> Iterator[tuple[str, str]]:
    """Every text of a panel that is ours, with its place; titles of studies are citations."""
    yield "title", panel(name).title
    for i, caveat in enumerate(panel(name).caveats):
        yield f"caveats[{i}]", caveat
    for member in panel(name).members:
        yield f"{member.name} conflicts", member.conflicts
        yield f"{member.name} ruling", member.ruling
        for i, evidence in enumerate(member.evidence):
            yield f"{member.name} evidence[{i}]", evidence.measured


def test_the_shipped_panels_are_these() -> None:
    assert tuple(sorted(path.stem for path in SIGNATURES.glob("*.toml"))) == PANELS


@pytest.mark.parametrize("name", PANELS)
def test_shipped_panel_loads_and_states_cancer_source_and_caveats(name: str) -> None:
    assert panel(name).cancer == name
    assert panel(name).version == "1.0.0"
    assert panel(name).source.doi == "10.3389/fonc.2025.1552902"
    assert "research use only" in panel(name).caveats[0]


@pytest.mark.parametrize("name", PANELS)
def test_only_the_primary_bone_tumours_have_another_endpoint_than_bone_metastasis(
    name: str,
) -> None:
    primary = name in {"osteosarcoma", "ewing_sarcoma"}
    expected = "tumour progression and prognosis" if primary else "bone metastasis"
    assert panel(name).endpoint == expected


@pytest.mark.parametrize("name", PANELS)
def test_single_markers_are_named_in_a_caveat(name: str) -> None:
    said = [caveat for caveat in panel(name).caveats if "single marker" in caveat]
    single = [m for s in ("tissue", "serum", "ev") if len(m := panel(name).scorable(s)) == 1]
    assert len(said) == len(single)
    for (member,) in single:
        assert any(member.name in caveat for caveat in said)


def test_table_of_the_signatures_readme_counts_what_the_files_hold() -> None:
    text = (ROOT / "signatures" / "README.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    told = {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows}
    for name in PANELS:
        one = panel(name)
        scorable = [str(len(one.scorable(specimen))) for specimen in ("tissue", "serum", "ev")]
        mirnas = sum(len(member.mirnas) for member in one.members)
        expected = [one.endpoint, str(len(one.members)), str(mirnas), *scorable]
        assert told[f"{name}.toml"] == expected


def test_single_markers_are_those_of_the_curation() -> None:
    found = {
        (name, specimen)
        for name in PANELS
        for specimen in ("tissue", "serum", "ev")
        if len(panel(name).scorable(specimen)) == 1
    }
    assert found == {
        ("thyroid", "tissue"),
        ("ewing_sarcoma", "tissue"),
        ("breast", "serum"),
        ("liver", "serum"),
        ("lung", "serum"),
        ("osteosarcoma", "serum"),
        ("prostate", "ev"),
    }


@needs(EVIDENCE)
def test_curated_table_has_the_56_claims() -> None:
    assert len(CLAIMS) == 56


@pytest.mark.parametrize(
    "claim", CLAIMS or [{}], ids=lambda claim: f"{claim.get('panel')}-{claim.get('printed')}"
)
@needs(EVIDENCE)
def test_claim_is_in_its_panel_as_curated(claim: dict[str, str]) -> None:
    member = member_of(claim)
    mirnas = [(mirna.name, mirna.accession) for mirna in member.mirnas]
    curated = zip(items(claim["mirnas"]), items(claim["accessions"]), strict=True)
    assert set(curated) <= set(mirnas)
    assert member.risk_when == (claim["risk_when"] or None)
    assert member.status == claim["status"]
    assert member.basis == claim["basis"]
    assert member.confidence == claim["confidence"]
    assert member.bone_specific == {"yes": True, "no": False}[claim["bone_specific"]]
    assert member.specimens == items(claim["specimens"])
    assert member.targets == items(claim["targets"])
    assert member.pathways == items(claim["pathways"])
    assert member.weight == 1
    review = member.evidence[0]
    assert (review.relation, review.read) == ("review", "full text")
    assert review.references == reference_numbers(claim["review_refs"])
    assert review.study is None


@pytest.mark.parametrize(
    "claim", CLAIMS or [{}], ids=lambda claim: f"{claim.get('panel')}-{claim.get('printed')}"
)
@needs(EVIDENCE)
def test_studies_of_a_claim_are_cited_as_curated(claim: dict[str, str]) -> None:
    cited = member_of(claim).evidence[1:]
    for study in studies(claim):
        assert any(is_citation_of(study, evidence) for evidence in cited), study


def is_citation_of(fields: list[str], evidence: Evidence) -> bool:
    """Whether the entry says all that the fields say, and nothing else."""
    relation = RELATION.get(fields[-1], "candidate")
    read = next(READ[field] for field in fields if field in READ)
    dois = [field.removeprefix("doi:") for field in fields if field.startswith("doi:")]
    pmids = re.findall(r"PMID:(\d+)", " ".join(fields))
    study = evidence.study
    if study is None or (evidence.relation, evidence.read) != (relation, read):
        return False
    said = [study.author, study.title, study.journal, str(study.year or "")]
    plain = [field for field in fields if field not in READ and field not in RELATION]
    identifiers = [study.doi] == (dois or [""]) and [study.pmid] == (pmids or [""])
    covered = all(
        any(part and field.startswith(part) for part in said)
        for field in plain
        if not field.startswith(("doi:", "PMID:", "title not seen"))
    )
    known = all(any(field.startswith(part) for field in plain) for part in said)
    return identifiers and covered and known


@needs(EVIDENCE)
@pytest.mark.parametrize("name", PANELS)
def test_panel_holds_nothing_that_is_not_in_the_curated_table(name: str) -> None:
    claims = [claim for claim in CLAIMS if claim["panel"] == name]
    curated = [mirna for claim in claims for mirna in items(claim["mirnas"])]
    assert [mirna.name for _, mirna in panel(name).features()] == curated
    labels = list(dict.fromkeys(claim["member"] for claim in claims))
    assert [member.name for member in panel(name).members] == labels
    for member in panel(name).members:
        cited = {
            cell for c in claims if c["member"] == member.name for cell in map(str, studies(c))
        }
        assert len(member.evidence) == 1 + len(cited)


def test_panels_hold_50_members_and_65_mirnas() -> None:
    # Counted in the curated table: 56 rows, 50 labels, 65 miRNAs.
    assert sum(len(panel(name).members) for name in PANELS) == 50
    assert sum(1 for name in PANELS for _ in panel(name).features()) == 65


@needs(MIRBASE)
@pytest.mark.parametrize("name", PANELS)
def test_names_and_accessions_are_those_of_mirbase_22(name: str) -> None:
    mirbase = {row["accession"]: row["name_v22"] for row in table(MIRBASE)}
    for _, mirna in panel(name).features():
        assert mirbase[mirna.accession] == mirna.name


@pytest.mark.parametrize("name", PANELS)
def test_every_member_says_what_conflicts_and_why_it_was_ruled_so(name: str) -> None:
    for member in panel(name).members:
        for text in (member.conflicts, member.ruling, member.evidence[0].measured):
            assert text[0].isupper() or text.startswith("miR")
            assert text.endswith(".")
            assert "  " not in text


def test_schema_file_is_fresh() -> None:
    shipped = json.loads((SIGNATURES / "schema.json").read_text(encoding="utf-8"))
    assert shipped == json_schema(), "run python tools/build_schema.py"


@pytest.mark.parametrize("name", PANELS)
def test_shipped_file_has_the_keys_that_the_schema_requires_and_no_others(name: str) -> None:
    schema = json.loads((SIGNATURES / "schema.json").read_text(encoding="utf-8"))
    raw = tomllib.loads((SIGNATURES / f"{name}.toml").read_text(encoding="utf-8"))
    assert list(key_faults(raw, schema, schema, name)) == []


def key_faults(
    value: Any, schema: dict[str, Any], root: dict[str, Any], path: str
) -> Iterator[str]:
    if "anyOf" in schema:
        schema = next((option for option in schema["anyOf"] if "$ref" in option), schema)
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, dict):
        properties = schema["properties"]
        yield from (
            f"{path}.{key} missing" for key in schema.get("required", ()) if key not in value
        )
        yield from (f"{path}.{key} unknown" for key in value if key not in properties)
        for key in properties.keys() & value.keys():
            yield from key_faults(value[key], properties[key], root, f"{path}.{key}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from key_faults(item, schema["items"], root, f"{path}[{i}]")


def words(text: str) -> list[str]:
    """Lower-case words without punctuation; a hyphenated name is one word."""
    joined = re.sub(r"\s*[-‐‑–—]\s*", "-", text.lower())
    return [word for raw in joined.split() if (word := raw.strip(".,;:()[]'\"’“”"))]


def runs(text: str, length: int = 8) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[i : i + length]) for i in range(len(found) - length + 1)}


@needs(REVIEW)
@pytest.mark.parametrize("name", PANELS)
def test_no_eight_words_in_a_row_are_the_reviews(name: str) -> None:
    review = runs(REVIEW.read_text(encoding="utf-8"))
    assert len(review) > 3000
    copied = {place: run for place, text in texts(name) for run in runs(text) & review}
    assert copied == {}


@needs(REVIEW)
def test_a_sentence_of_the_review_would_be_caught() -> None:
    review = REVIEW.read_text(encoding="utf-8")
    sentence = next(s for s in review.split(".") if "miR - 34a" in s and len(words(s)) > 12)
    assert runs(sentence.replace(" - ", "-").upper()) & runs(review)
