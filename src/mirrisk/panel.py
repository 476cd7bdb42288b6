"""A panel: which miRNAs, in which direction, on what evidence; frozen, validated, from TOML."""

from __future__ import annotations

import tomllib
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mirrisk import nomenclature
from mirrisk.digests import digest_of
from mirrisk.errors import InvalidPanelError, NotFoundError
from mirrisk.vocabulary import Direction, Specimen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic_core import ErrorDetails

MATURE_NAME = r"^hsa-(miR|let)-\d+[a-z]*(-\d+)?(-[35]p)?$"
MIMAT = r"^(MIMAT\d{7})?$"
DOI = r"^(10\.\d{4,9}/\S+)?$"
PMID = r"^\d*$"
PANEL_ID = r"^[a-z][a-z0-9_-]*$"
VERSION = r"^\d+\.\d+\.\d+$"

# What a reader of an error message needs instead of a regular expression.
_EXPECTED = {
    MATURE_NAME: "a mature name of miRBase v22, such as hsa-miR-34a-5p or hsa-let-7a-5p",
    MIMAT: "a mature accession of miRBase: MIMAT and seven digits",
    DOI: "a DOI without a resolver, such as 10.3389/fonc.2025.1552902",
    PMID: "a PubMed identifier: digits only",
    PANEL_ID: "a lower-case letter, then lower-case letters, digits, - or _",
    VERSION: "a version of three numbers, such as 1.0.0",
}

Text = Annotated[str, Field(min_length=1)]
Doi = Annotated[str, Field(pattern=DOI)]
# Strict: a "yes" or a "1.0" in quotes is a slip of whoever wrote the file, not a value.
StrictBool = Annotated[bool, Field(strict=True)]
StrictInt = Annotated[int, Field(strict=True)]

WeightsPer = Literal["normal score", "log2 unit"]
"""What a member's weight is per: see :class:`Panel`."""

ADDED_LATER = ("weights_per",)
"""Keys younger than the first panels: left to its default, such a key leaves digests as they were.
"""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Mirna(_Model):
    """One mature miRNA of a member: its miRBase v22 name and accession.

    The accession may be left out only where mirrisk's own facts do not hold the miRNA.
    """

    name: Annotated[str, Field(pattern=MATURE_NAME)]
    accession: Annotated[str, Field(pattern=MIMAT)] = ""

    @model_validator(mode="after")
    def _accession_is_its_own(self) -> Self:
        known = nomenclature.accession_of(self.name)
        if known is not None and known != self.accession:
            given = f"not {self.accession}" if self.accession else "which is missing here"
            raise ValueError(f"{self.name} is {known} in miRBase v22, {given}")
        if not self.accession:
            self._check_name_alone()
            return self
        current = nomenclature.resolve(self.accession).canonical
        if current is not None and current != self.name:
            raise ValueError(f"{self.accession} is {current} in miRBase v22, not {self.name}")
        return self

    def _check_name_alone(self) -> None:
        """Refuse a name that without an accession denotes another miRNA, or several."""
        found = nomenclature.resolve(self.name)
        meant = found.candidates or tuple(filter(None, [found.canonical]))
        if meant:
            raise ValueError(f"{self.name} without an accession may be {' or '.join(meant)}")


class Study(_Model):
    """A primary study, as far as it is known; an unknown part stays empty."""

    author: str = ""
    year: StrictInt | None = None
    title: str = ""
    journal: str = ""
    doi: Doi = ""
    pmid: Annotated[str, Field(pattern=PMID)] = ""


class Evidence(_Model):
    """One source of a member's direction, what of it was read and what it measured.

    ``relation`` tells how the study hangs together with the review: ``review`` is the review
    itself, ``matched`` a study identified as one that the review cites, ``candidate`` one that
    is probably cited but unconfirmed, ``independent`` one that the review does not rest on.
    """

    relation: Literal["review", "matched", "candidate", "independent"]
    references: tuple[StrictInt, ...] = ()
    study: Study | None = None
    read: Literal[
        "full text",
        "abstract",
        "reworded abstract",
        "title",
        "conference report",
        "not read",
    ]
    measured: str = ""

    @model_validator(mode="after")
    def _source_is_named(self) -> Self:
        if self.relation != "review" and self.study is None:
            raise ValueError("evidence from a study needs a [study] table (its parts may be empty)")
        return self


class Member(_Model):
    """One claim of the literature: one miRNA, or several that count once.

    ``specimens`` names where the direction holds; a contested member has no direction, is
    listed and explained, and never scored.
    """

    name: Text
    mirnas: Annotated[tuple[Mirna, ...], Field(min_length=1)]
    risk_when: Direction | None = None
    status: Literal["consistent", "adjudicated", "contested"]
    basis: Literal["review", "primary", "title only", "none"]
    confidence: Literal["low", "medium", "high"]
    bone_specific: StrictBool
    specimens: tuple[Specimen, ...] = ()
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)] = 1.0
    targets: tuple[Text, ...] = ()
    pathways: tuple[Text, ...] = ()
    conflicts: str = ""
    ruling: str = ""
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)]

    @property
    def scored(self) -> bool:
        """Whether the member has a direction at all."""
        return self.risk_when is not None

    @property
    def sign(self) -> int:
        """+1 where a high level means risk, -1 where a low one does, 0 where it is contested."""
        return {"high": 1, "low": -1, None: 0}[self.risk_when]

    @model_validator(mode="after")
    def _status_and_direction_agree(self) -> Self:
        if self.status == "contested":
            if self.risk_when is not None:
                raise ValueError("a contested member has no risk_when")
            if self.specimens:
                raise ValueError("a contested member has no specimens: nothing holds there")
            if self.basis != "none":
                raise ValueError("a contested member has the basis 'none': nothing settles it")
        elif self.risk_when is None:
            raise ValueError(f"a member whose status is {self.status!r} needs risk_when")
        elif not self.specimens:
            raise ValueError("a member with risk_when needs the specimens where it holds")
        elif self.basis == "none":
            raise ValueError("a member with risk_when needs a basis other than 'none'")
        return self

    @model_validator(mode="after")
    def _specimens_are_named_once(self) -> Self:
        twice = _first_repeated(self.specimens)
        if twice is not None:
            raise ValueError(f"specimen {twice!r} occurs twice")
        return self


class Source(_Model):
    """Where a panel's claims come from."""

    citation: Text
    doi: Doi = ""


class Panel(_Model):
    """A set of members with the endpoint that their evidence is about.

    Read one with :func:`mirrisk.load_panel`, or :meth:`Panel.from_toml`.

    ``weights_per`` tells what weights are per. The default is a normal score in the reference:
    miRNAs of equal weight count equally, however much they vary. Per ``"log2 unit"``, as the
    coefficients of published scores are, each miRNA's weight is multiplied by its standard
    deviation in the reference when the panel is laid over it.
    """

    schema_version: Literal[1] = Field(alias="schema")
    id: Annotated[str, Field(pattern=PANEL_ID)]
    version: Annotated[str, Field(pattern=VERSION)]
    title: Text
    cancer: Text
    endpoint: Text
    source: Source
    caveats: tuple[Text, ...] = ()
    weights_per: WeightsPer = "normal score"
    members: Annotated[tuple[Member, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _nothing_counts_twice(self) -> Self:
        name = _first_repeated(member.name for member in self.members)
        if name is not None:
            raise ValueError(f"member name {name!r} occurs twice")
        for attribute in ("name", "accession"):
            values = (getattr(mirna, attribute) for _, mirna in self.features())
            value = _first_repeated(filter(None, values))
            if value is not None:
                places = " and ".join(self._places_of(attribute, value))
                raise ValueError(
                    f"{places}: {value} occurs twice; a mature miRNA counts once per panel"
                )
        return self

    def _places_of(self, attribute: str, value: str) -> Iterator[str]:
        for i, member in enumerate(self.members):
            for j, mirna in enumerate(member.mirnas):
                if getattr(mirna, attribute) == value:
                    yield f"members[{i}].mirnas[{j}]"

    @classmethod
    def from_toml(cls, path: Path) -> Panel:
        """Read a signature file.

        Raises
        ------
        NotFoundError
            If there is no such file.
        InvalidPanelError
            If it is no TOML, or breaks a rule of signature files; the message gives the path
            inside the file.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise NotFoundError(
                f"this signature file cannot be read: {error.strerror}",
                where=str(path),
                remedy="`mirrisk panels list` names the panels that are shipped",
            ) from None
        return cls.from_content(content, path)

    @classmethod
    def from_content(cls, content: bytes, path: Path) -> Panel:
        """Read what a signature file holds, or is to hold, under a path.

        Raises
        ------
        InvalidPanelError
            If it is no TOML, or breaks a rule of signature files.
        """
        try:
            raw = tomllib.loads(content.decode("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidPanelError(
                f"not TOML: {error}",
                where=str(path),
                expected="a TOML file in UTF-8, as described in signatures/README.md",
            ) from None
        try:
            panel = cls.model_validate(raw)
        except ValidationError as error:
            raise _fault(error, path) from None
        if panel.id != path.stem:
            raise InvalidPanelError(
                f"id is {panel.id!r} but the file is named {path.stem!r}",
                where=str(path),
                expected="a file named after the id of its panel",
                remedy=f"name the file {panel.id}.toml, or change its id",
            )
        return panel

    def features(self) -> Iterator[tuple[Member, Mirna]]:
        """Every mature miRNA with its member, in the order of the file."""
        for member in self.members:
            for mirna in member.mirnas:
                yield member, mirna

    def scorable(self, specimen: str) -> tuple[Member, ...]:
        """Return the members whose direction holds in ``specimen``."""
        return tuple(m for m in self.members if m.scored and specimen in m.specimens)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the panel's canonical form (sorted-key JSON), the same on every machine."""
        content = self.model_dump(mode="json", by_alias=True)
        for key in ADDED_LATER:
            if content[key] == type(self).model_fields[key].default:
                del content[key]
        return digest_of(content)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, which finds its digest anew: it may be of another content."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("digest", None)
        return copied


class AnyPanel(Protocol):
    """What results say of a panel, be it of the literature or fitted."""

    @property
    def id(self) -> str:
        """What it is called on the command line and in results."""

    @property
    def version(self) -> str:
        """Three numbers."""

    @property
    def title(self) -> str:
        """What it is about."""

    @property
    def endpoint(self) -> str:
        """What its risk is a risk of."""

    @property
    def caveats(self) -> tuple[str, ...]:
        """What its users must know."""

    @property
    def digest(self) -> str:
        """SHA-256 of its content."""


def signature_folder() -> Path:
    """Return the folder of the shipped signature files.

    They are part of the installed package; in an editable installation they lie at the
    repository's root, where they are edited.
    """
    for folder in (Path(__file__).parent / "signatures", Path(__file__).parents[2] / "signatures"):
        if folder.is_dir():
            return folder
    raise NotFoundError(
        "the shipped signature files are missing",
        where=str(Path(__file__).parent / "signatures"),
        remedy="install mirrisk again",
    )


@cache
def shipped_panels() -> tuple[Panel, ...]:
    """Return every panel that comes with mirrisk, in order of their ids."""
    return tuple(Panel.from_toml(path) for path in sorted(signature_folder().glob("*.toml")))


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of signature files."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Panel.model_json_schema(by_alias=True),
    }


def _first_repeated(values: Iterable[str]) -> str | None:
    """Return the first value that has been there before."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _fault(error: ValidationError, path: Path) -> InvalidPanelError:
    """Say what the first fault is and where in the file, and keep the others."""
    faults = _own_faults(error.errors())
    said = tuple(map(_described, faults))
    pattern = faults[0].get("ctx", {}).get("pattern", "")
    fault = InvalidPanelError(
        said[0] + (f" (and {len(said) - 1} more)" if len(said) > 1 else ""),
        where=str(path),
        expected=_EXPECTED.get(pattern, "a signature file as described in signatures/README.md"),
        remedy="correct the file, then `mirrisk panels check FILE`",
    )
    fault.more = said[1:]
    return fault


def _described(fault: ErrorDetails) -> str:
    path = _path_in_file(fault["loc"])
    value = fault.get("input")
    shown = f", got {value!r}" if isinstance(value, str | int | float) else ""
    return (f"{path}: " if path else "") + _message(fault) + shown


def _own_faults(faults: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out the lists that pydantic calls too short only because an item was faulty."""
    places = [fault["loc"] for fault in faults]

    def follows(fault: ErrorDetails) -> bool:
        inside = len(fault["loc"])
        return fault["type"] == "too_short" and any(
            len(place) > inside and place[:inside] == fault["loc"] for place in places
        )

    return [fault for fault in faults if not follows(fault)]


def _message(fault: ErrorDetails) -> str:
    match fault["type"]:
        case "extra_forbidden":
            return "unknown key"
        case "missing":
            return "this key is missing"
        case "too_short" | "string_too_short":
            return "must not be empty"
        case "string_pattern_mismatch":
            return "not in the form expected"
        case _:
            return fault["msg"].removeprefix("Value error, ")


def _path_in_file(location: tuple[int | str, ...]) -> str:
    """Write ("members", 0, "name") as members[0].name."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".")
