"""Published scores: a table of coefficients becomes a signature file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from mirrisk import nomenclature
from mirrisk.coefficients.names import resolve_rows
from mirrisk.coefficients.published import ASSUMED, SCALES, published
from mirrisk.coefficients.table import number, read_rows
from mirrisk.errors import InvalidPanelError, InvalidTableError
from mirrisk.output import STDOUT
from mirrisk.panel import Panel, shipped_panels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mirrisk.coefficients.names import ResolvedRow
    from mirrisk.coefficients.published import Published
    from mirrisk.vocabulary import Direction

ENDPOINT = "the endpoint of the publication, not stated here"

STANDING_CAVEATS = (
    (
        "For research use only: an imported score is no validated diagnostic test, and a flag is "
        "no probability of metastasis."
    ),
    (
        "Directions are the signs of coefficients that may have been estimated together: one "
        "miRNA by itself may point the other way."
    ),
    (
        "Samples are ranked nearly as by the published sum, if they are normalised alike. Its "
        "zero point and its scale are not kept: a score is relative to the reference."
    ),
)


@dataclass(frozen=True)
class Imported:
    """A published score as a panel.

    Attributes
    ----------
    panel : Panel
    content : str
        The signature file, which reads back as the panel.
    notes : tuple of str
        What was decided on the way, in sentences.
    """

    panel: Panel
    content: str
    notes: tuple[str, ...]

    def next_steps(self, file: str) -> tuple[str, ...]:
        """Say what was written to a file, and which references can serve it, line by line."""
        named = file if file != STDOUT else f"{self.panel.id}.toml"
        panel = f"{self.panel.id} {self.panel.version}, {len(self.panel.members)} members"
        fit = f"mirrisk references fit TABLE --panel {named} --cancer {self.panel.cancer}"
        return (
            f"{named}: {panel}, digest {self.panel.digest[:12]}. {self._served()}",
            f"A reference made like your samples: {fit} --name NAME --out REFERENCE.json",
            f"(in Python: Reference.fit(X, name=..., panels=[{named!r}])); then:",
            f"mirrisk score TABLE --panel {named} --reference REFERENCE.json",
            "Or --reference cohort: the table itself",
        )

    def _served(self) -> str:
        """Say which miRNAs the shipped references lack, which hold those of the shipped panels."""
        held = {mirna.name for panel in shipped_panels() for _, mirna in panel.features()}
        names = [mirna.name for _, mirna in self.panel.features()]
        lacking = [name for name in names if name not in held]
        if not lacking:
            return "The shipped references were fitted for all of its miRNAs"
        return (
            f"The shipped references lack {len(lacking)} of its {len(names)} miRNAs "
            f"({', '.join(lacking)}) and refuse it"
        )


def import_coefficients(
    path: str | Path,
    *,
    panel_id: str,
    cancer: str,
    title: str = "",
    endpoint: str = ENDPOINT,
    specimens: Sequence[str] = ("tissue",),
    citation: str = "",
    unit: str = "",
    cutoff: float | None = None,
    version: str = "1.0.0",
    bone_specific: bool = False,
    aliases: Mapping[str, str] | None = None,
) -> Imported:
    """Make a panel of a published table of coefficients.

    Parameters
    ----------
    path : str or Path
        Delimited text (comma, semicolon or tab) with the columns ``miRNA`` and ``coefficient``,
        in any case. Optional are ``member`` (rows of one member share a coefficient and count
        once), and ``cutoff``, ``unit``, ``citation``, ``doi``, ``pmid``, each constant or given
        in one row.
    panel_id : str
        Of the panel; its file must be named after it.
    cancer : str
        As the references have it: a panel is refused against references of another cancer.
    title, endpoint, version : str, optional
    specimens : sequence of {"tissue", "serum", "ev"}, default ("tissue",)
        Where the score was published to hold.
    citation, unit, cutoff : optional
        In place of the columns. ``unit`` is what coefficients are per: ``log2`` (assumed, and
        noted, where it is not stated), ``ln``, ``log10``, ``ct``, ``delta_ct``, ``-delta_ct``
        or ``z``. On Ct and delta Ct signs are turned: fewer cycles mean more RNA.
    bone_specific : bool, default False
        Whether the score is about metastasis to bone.
    aliases : mapping of str to str, optional
        Names of one's own (:func:`mirrisk.nomenclature.read_aliases`).

    Returns
    -------
    Imported
        Nothing is written.

    Raises
    ------
    NotFoundError
        If there is no such file.
    InvalidTableError
        If a row cannot be understood; the message names file, row and value.
    InvalidPanelError
        If what comes of it breaks a rule of signature files.

    Notes
    -----
    A published score is a sum of coefficients times expression, b'x. mirrisk's weights act on
    normal scores in a reference, which are (x - mean) / SD where values are normally
    distributed; with the weight ``|b|`` per log2 unit, multiplied by the SD, the score is
    b'(x - mean) over its standard deviation in the reference: an increasing function of the
    published sum. ``docs/panels.md`` says what is kept and what is not.
    """
    _check_id(panel_id)
    rows, unused = read_rows(str(path))
    score = published(rows, str(path), citation=citation, unit=unit, cutoff=cutoff)
    terms = resolve_rows(rows, aliases)
    members = [
        _member(name, group, score, specimens, bone_specific=bone_specific)
        for name, group in _grouped(terms).items()
    ]
    content = tomli_w.dumps(
        {
            "schema": 1,
            "id": panel_id,
            "version": version,
            "title": title or f"Imported score {panel_id}",
            "cancer": cancer,
            "endpoint": endpoint,
            "caveats": _caveats(len(terms), score),
            "weights_per": score.scale.weights_per,
            "source": _source(score, Path(path).name),
            "members": members,
        }
    )
    panel = _read_back(content, panel_id, str(path))
    return Imported(panel, content, _notes(terms, unused, score))


def id_for(out: str, panel_id: str | None) -> str:
    """Return the id of a panel that is to be written to a file, which is named after it.

    Parameters
    ----------
    out : str
        The file, or ``"-"`` for standard output.
    panel_id : str, optional
        Needed only for standard output.

    Raises
    ------
    InvalidPanelError
        If file and id do not go together.
    """
    if out == STDOUT:
        if panel_id is None:
            raise InvalidPanelError("a panel for standard output needs an id", remedy="--id ID")
        return panel_id
    path = Path(out)
    if path.suffix != ".toml" or panel_id not in (None, path.stem):
        name = panel_id or path.stem
        raise InvalidPanelError(
            f"a panel with the id {name!r} cannot be read from a file of this name",
            where=out,
            expected="a file named after its id, ending in .toml",
            remedy=f"--out {path.with_name(f'{name}.toml')}",
        )
    return path.stem


def _check_id(panel_id: str) -> None:
    if panel_id in {panel.id for panel in shipped_panels()}:
        raise InvalidPanelError(
            f"{panel_id!r} is the id of a panel that comes with mirrisk",
            expected="an id of its own: results could not tell them apart",
            remedy="choose another name for --out (and --id)",
        )


def _grouped(terms: Sequence[ResolvedRow]) -> dict[str, list[ResolvedRow]]:
    """Return the terms by member; a row that names none is one by itself."""
    groups: dict[str, list[ResolvedRow]] = {}
    for term in terms:
        groups.setdefault(term.row["member"] or term.name.removeprefix("hsa-"), []).append(term)
    return groups


def _coefficient(name: str, terms: Sequence[ResolvedRow]) -> float:
    """Return the coefficient that the rows of one member share."""
    rows = [term.row for term in terms]
    filled = [row for row in rows if row["coefficient"]] or rows[:1]
    values = [number(row["coefficient"], "coefficient", row.named) for row in filled]
    for row, value in zip(filled, values, strict=True):
        if value == 0:
            raise InvalidTableError(
                f"coefficient is {row['coefficient']!r}",
                where=row.named,
                expected="a number other than 0, whose sign tells the direction of risk",
                remedy="leave the row out: it adds nothing to the score",
            )
        if value != values[0]:
            raise InvalidTableError(
                f"coefficient is {row['coefficient']!r}, "
                f"but {filled[0]['coefficient']!r} above for the same member {name!r}",
                where=row.named,
                expected="one coefficient for all rows of a member, which count once",
                remedy="leave the column member empty for miRNAs with coefficients of their own",
            )
    return values[0]


def _member(
    name: str,
    terms: Sequence[ResolvedRow],
    score: Published,
    specimens: Sequence[str],
    *,
    bone_specific: bool,
) -> dict[str, Any]:
    """Return one member as the signature file has it."""
    coefficient = _coefficient(name, terms)
    scale = score.scale
    direction: Direction = "high" if scale.sign * coefficient > 0 else "low"
    measured = f"coefficient {coefficient:+.12g} per {scale.per} of a published score"
    if scale.sign < 0:
        measured += "; its sign is turned, for fewer cycles mean more RNA"
    # The nearest that the format knows: nobody has read more than a table and what it is named.
    basis = "primary" if score.doi or score.pmid else "title only"
    study = {"title": score.citation, "doi": score.doi, "pmid": score.pmid}
    return {
        "name": name,
        "mirnas": [_without_empty({"name": t.name, "accession": t.accession}) for t in terms],
        "risk_when": direction,
        "status": "consistent",
        "basis": basis,
        "confidence": "low",
        "bone_specific": bone_specific,
        "specimens": list(specimens),
        "weight": abs(coefficient),
        **_without_empty({"ruling": " ".join(filter(None, (term.reading for term in terms)))}),
        "evidence": [
            {
                "relation": "independent",
                "read": "not read",
                "measured": measured,
                "study": _without_empty(study),
            }
        ],
    }


def _without_empty(content: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in content.items() if value}


def _source(score: Published, file: str) -> dict[str, str]:
    pmid = f"PMID {score.pmid}" if score.pmid else ""
    doi = f"doi:{score.doi}" if score.doi else ""
    citation = score.citation or pmid or doi or f"Not stated; imported from {file}"
    return _without_empty({"citation": citation, "doi": score.doi})


def _caveats(n: int, score: Published) -> tuple[str, ...]:
    """Return what the reader of a score must know of where it comes from."""
    caveats = [
        *STANDING_CAVEATS,
        f"Imported from a table of {n} coefficients; nobody has checked it with the publication.",
    ]
    if score.cutoff:
        caveats.append(
            f"The cutoff of the table, {score.cutoff} on the publication's own scale, is "
            "recorded here and never applied: flags go by the reference's percentiles."
        )
    if not score.unit:
        caveats.append("The unit of the coefficients was not stated: they were taken as per log2.")
    if score.scale.sign < 0:
        caveats.append(
            "The coefficients are on Ct: their signs were turned, for fewer cycles mean more RNA."
        )
    return tuple(caveats)


def _notes(
    terms: Sequence[ResolvedRow], unused: Sequence[str], score: Published
) -> tuple[str, ...]:
    """Return what was decided on the way."""
    notes = [term.reading for term in terms if term.reading]
    unknown = [term.name for term in terms if nomenclature.accession_of(term.name) is None]
    if unknown:
        notes.append(
            f"outside mirrisk's own facts, taken by the form of their names: {', '.join(unknown)}. "
            "They match columns of mature miRNAs only: of a stem-loop it is not known which arm "
            "it stands for"
        )
    armless = [name for name in unknown if not name.endswith(("-5p", "-3p"))]
    if armless:
        notes.append(
            f"without an arm: {', '.join(armless)}. Unless miRBase names them so, they are old "
            "names, and columns of today's are not found: add the arm, or --aliases FILE"
        )
    if not score.unit:
        notes.append(f"no unit is stated: coefficients are taken as per {SCALES[ASSUMED].per}")
    if score.scale.sign < 0:
        notes.append(
            f"coefficients per {score.scale.per}: signs are turned, for fewer cycles mean more RNA"
        )
    if unused:
        notes.append(f"columns not used: {', '.join(unused)}")
    return tuple(notes)


def _read_back(content: str, panel_id: str, path: str) -> Panel:
    """Read the content as the signature file that it is to be."""
    try:
        return Panel.from_content(content.encode(), Path(f"{panel_id}.toml"))
    except InvalidPanelError as fault:
        raise InvalidPanelError(
            fault.what,
            where=f"the panel made of {path}",
            expected=fault.expected,
            remedy="correct the table, or the options",
        ) from None
