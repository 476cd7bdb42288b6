"""From a printed name to the human miRNA that it denotes."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal

from mirrisk.errors import InvalidExpressionError
from mirrisk.nomenclature import facts, forms

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from mirrisk.nomenclature.facts import Entry, Level
    from mirrisk.nomenclature.forms import Form

Match = Literal[
    "current",
    "previous",
    "accession",
    "alias",
    "form",
    "ambiguous",
    "foreign",
    "mirgenedb",
    "unknown",
]

_CACHED_NAMES = 200_000
_ACCESSION = re.compile(
    r"(?:\s*[|,;:(\[]\s*|[-_.\s])?(?<![A-Za-z0-9])(?P<id>MIMAT00\d{5}|MI00\d{5})(?!\d)[)\]]?"
    r"(?:[-_.](?:[xsa][-_.])?st(?![a-z]))?",  # an Affymetrix probe named by its target
    re.IGNORECASE,
)
_DOTTED = re.compile(r"(?P<first>.*[0-9a-z])\.(?P<number>[1-9])(?P<dot>\.?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a feature name denotes.

    Attributes
    ----------
    name : str
        The name as given.
    canonical : str or None
        The miRBase v22 name, ``hsa-miR-16-5p`` or ``hsa-mir-16-1`` (without a locus where the
        name tells none: ``hsa-mir-16``); None outside our facts, or if ambiguous or not human.
    accession : str or None
        The ``MIMAT`` or ``MI`` accession.
    level : {'mature', 'stem-loop'} or None
        What kind of molecule was measured; None if it is no human miRNA, or not of one level.
    match : str
        How the name was recognised. ``current``, ``previous``: a name of miRBase; ``accession``;
        ``alias``: no name of miRBase, but one that can mean only this (``hsa-miR-203-3p``), or a
        name that the user explained; ``form``: a human miRNA outside our facts. Not resolved:
        ``ambiguous`` (several miRNAs, see ``candidates``), ``foreign`` (another species or a
        virus), ``mirgenedb`` (its own nomenclature), ``unknown``.
    candidates : tuple of str
        The miRNAs that an ambiguous name may denote, else empty.
    key : str or None
        What all columns of the same molecule share at this level; stem-loops without locus.
    stem_loop : str or None
        The locus-free stem-loop of the molecule, ``hsa-mir-16`` at both levels.
    """

    name: str
    canonical: str | None
    accession: str | None
    level: Level | None
    match: Match
    candidates: tuple[str, ...]
    key: str | None
    stem_loop: str | None

    @property
    def is_mirna(self) -> bool:
        """Whether the name denotes a human miRNA, be it resolved, ambiguous or by form only."""
        return self.match not in {"foreign", "mirgenedb", "unknown"}


def resolve(name: str, aliases: Mapping[str, str] | None = None) -> Resolution:
    """Say which human miRNA a feature name denotes.

    Parameters
    ----------
    name : str
        A name in the style of any platform or pipeline, or a miRBase accession.
    aliases : mapping of str to str, optional
        A user's own names (:func:`read_aliases`); they go before everything else.

    Returns
    -------
    Resolution
        Never None and never a guess: ``match`` says why a name was not resolved.

    Examples
    --------
    >>> resolve("hsa-miR-154*").canonical
    'hsa-miR-154-3p'
    >>> resolve("hsa-miR-378").candidates
    ('hsa-miR-378a-3p', 'hsa-miR-378a-5p')
    """
    if aliases is None:
        return _resolve(name, "stem-loop")
    return _with_aliases(name, _resolve(name, "stem-loop"), aliases)


def resolve_all(
    names: Sequence[str], aliases: Mapping[str, str] | None = None
) -> tuple[Resolution, ...]:
    """Resolve the names of one table.

    Some names do not tell a mature miRNA from its stem-loop; the other names of the table do.
    Where small ``mir`` is printed with arms (``hsa-mir-7-5p``), ``hsa-mir-429`` is mature too,
    and ``hsa-let-7c`` among mature miRNAs is mature. Beside ``hsa.miR.16``, ``hsa.miR.16.2.`` is
    its star and ``hsa.miR.16.1`` its repetition. Where names count features (``miR_1``,
    ``miR_2`` ...; miRBase has no human miR-2), ``miR_21`` is a number and no miRNA.

    Parameters
    ----------
    names : sequence of str
        The feature names of one table.
    aliases : mapping of str to str, optional
        A user's own names.

    Returns
    -------
    tuple of Resolution
        In the order of ``names``.
    """
    found = [_resolve(name, "stem-loop") for name in names]
    told = _levels_told(found)
    if told:
        found = [
            _resolve(r.name, "mature") if r.level == "stem-loop" and _untold(r.name) in told else r
            for r in found
        ]
    if any(forms.is_running_count(name) for name in names):
        found = [
            _unresolved(r.name, "unknown") if forms.is_bare_number(r.name) else r for r in found
        ]
    found = _dots_told(found)
    if aliases is not None:
        found = [_with_aliases(r.name, r, aliases) for r in found]
    return tuple(found)


def stem_loop_of(mature_name: str) -> str:
    """Return the stem-loop, without its locus, that a mature miRNA is cut from.

    Parameters
    ----------
    mature_name : str
        A mature name such as ``hsa-miR-16-5p``; names outside our facts are read by their form.

    Returns
    -------
    str
        The locus-free stem-loop name, such as ``hsa-mir-16``.

    Raises
    ------
    InvalidExpressionError
        If the name denotes no single human miRNA.

    Examples
    --------
    >>> stem_loop_of("hsa-miR-16-1-3p"), stem_loop_of("hsa-miR-4274")
    ('hsa-mir-16', 'hsa-mir-4274')
    """
    found = resolve(mature_name)
    if found.stem_loop is None:
        raise InvalidExpressionError(
            f"{mature_name!r} denotes no single human miRNA",
            expected="a miRBase name such as hsa-miR-16-5p",
        )
    return found.stem_loop


LOOK_ALIKE = str.maketrans("lo", "10")
"""Letters that are typed, or read by a machine, in the place of digits."""


def suggest(name: str) -> str | None:
    """Return the panels' miRNA whose name is nearest to an unknown name, for messages.

    Parameters
    ----------
    name : str
        A name that :func:`resolve` does not know, or knows by its form alone.

    Returns
    -------
    str or None
        A miRBase v22 mature name; None if the name is known, or nothing is near.

    Examples
    --------
    >>> suggest("hsa-mri-21-5p")
    'hsa-miR-21-5p'
    >>> suggest("hsa-mir-2l")  # an l in the place of a 1
    'hsa-miR-21-5p'
    """
    text = forms.plain(name).lower()
    match, known = resolve(name).match, _suggestible()
    if match == "form":
        head, mir, number = text.partition("mir")
        fixed = head + mir + number.translate(LOOK_ALIKE)
        return known.get(fixed) if fixed != text else None
    if match != "unknown" or not re.search(r"(?:mi|mr|hsa).*\d", text):
        return None
    near = difflib.get_close_matches(text, known, n=1, cutoff=0.7)
    return known[near[0]] if near else None


@cache
def _suggestible() -> Mapping[str, str]:
    curated = [entry for entry in facts.current_mature().values() if entry.curated]
    names: dict[str, str] = {}
    for entry in curated:
        for name in (*entry.former_names, entry.name):
            names.setdefault(name.lower(), entry.name)
            names.setdefault(name.lower().removeprefix("hsa-"), entry.name)
    return names


@lru_cache(maxsize=_CACHED_NAMES)
def _resolve(name: str, untold: Level) -> Resolution:
    """Resolve without aliases; ``untold`` is the level of a name that tells none."""
    text = forms.plain(name)
    if len(text) > forms.LONGEST_NAME:
        return _unresolved(name, "unknown")
    accessions = [found["id"].upper() for found in _ACCESSION.finditer(text)]
    if accessions:
        rest = _ACCESSION.sub("", text).lstrip("-_.|,;: ")
        return _with_accession(name, accessions, _resolve(rest, untold))
    if forms.is_mirgenedb(text):
        return _unresolved(name, "mirgenedb")
    read = forms.read_forms(text)
    if read:
        return _either(name, [_resolve_form(name, form.at_level(untold)) for form in read])
    parts = forms.merged_parts(text)
    if len(parts) > 1:
        found = [_resolve(part, untold) for part in parts]
        if "unknown" not in {part.match for part in found} and any(p.is_mirna for p in found):
            return _one_of(name, [part for part in found if part.is_mirna])
    return _unresolved(name, "foreign" if forms.is_foreign(text) else "unknown")


def _either(name: str, readings: Sequence[Resolution]) -> Resolution:
    """Choose between the readings of an equivocal print; ambiguous where more than one can be."""
    if len(readings) == 1:
        return readings[0]
    # Our facts hold all loci of a stem-loop or none: one that is not among them is misread.
    readings = [r for r in readings if r.match != "form"] or readings
    one_level = len({r.level for r in readings}) == 1
    return _one_of(name, readings) if one_level else _ambiguous(name, readings)


def _resolve_form(name: str, form: Form) -> Resolution:
    if form.level == "stem-loop":
        return _resolve_stem_loop(name, form)
    found = facts.named("mature").get(form.name.lower())
    if found:
        now = len(found) == 1 and found[0].name.lower() == form.name.lower()
        return _one_of(name, [_resolved(name, e, "current" if now else "previous") for e in found])
    found = _arms_meant(form)
    if found:
        return _one_of(name, [_resolved(name, entry, "alias") for entry in found])
    stems = {entry.stem_loop for entry in facts.loci_named().get(form.stem, ())}
    stem = stems.pop() if len(stems) == 1 else form.stem
    return _family_or(Resolution(name, None, None, "mature", "form", (), form.name, stem), form)


def _family_or(found: Resolution, form: Form) -> Resolution:
    """Report the name of a family (``miR-200``) with the members that our facts hold."""
    letters = facts.families().get(form.stem, "")
    members = [_resolve_form(found.name, replace(form, base=form.base + s)) for s in letters]
    known = [member for member in members if member.match != "form"]
    if not known:
        return found
    return _ambiguous(found.name, known if len(known) > 1 else (*known, found))


def _arms_meant(form: Form) -> tuple[Entry, ...]:
    """Find the arms that a name means which miRBase itself never printed.

    ``hsa-miR-203-5p`` names an arm of the stem-loop once called hsa-mir-203; the star in
    ``hsa-miR-135a-2*`` names the arm opposite to hsa-miR-135a, of locus 2.
    """
    loci = [entry for entry in facts.loci_named().get(form.stem, ()) if _is_locus(entry, form)]
    ids = {entry.accession for entry in loci}
    arms = [
        arm
        for stem_loop in dict.fromkeys(entry.stem_loop for entry in loci)
        for arm in facts.arms_of(stem_loop)
        if ids.intersection(arm.loci)
    ]
    if form.arm:
        arms = [arm for arm in arms if arm.arm == form.arm]
    elif form.star:
        guide = facts.named("mature").get(replace(form, locus="", star=False).name.lower(), ())
        if len(guide) == 1:
            arms = [arm for arm in arms if arm.arm != guide[0].arm]
    return tuple(arms)


def _is_locus(entry: Entry, form: Form) -> bool:
    return not form.locus or any(
        name == f"{form.stem}-{form.locus}" for name in (entry.name, *entry.former_names)
    )


def _resolve_stem_loop(name: str, form: Form) -> Resolution:
    found = facts.named("stem-loop").get(form.name.lower())
    if found:
        now = found[0].name == form.name
        return _one_of(name, [_resolved(name, e, "current" if now else "previous") for e in found])
    loci = facts.loci_named().get(form.stem)
    if loci is None:
        alone = Resolution(name, None, None, "stem-loop", "form", (), form.stem, form.stem)
        return _family_or(alone, form)
    if form.locus:  # a locus that miRBase does not list is not counted with those that it does
        return Resolution(name, None, None, "stem-loop", "form", (), form.name, form.name)
    whole = [
        Resolution(name, stem, None, "stem-loop", "alias", (), stem, stem)
        for stem in dict.fromkeys(entry.stem_loop for entry in loci)
    ]
    return _one_of(name, whole)


def _resolved(name: str, entry: Entry, match: Match) -> Resolution:
    return Resolution(
        name, entry.name, entry.accession, entry.level, match, (), entry.key, entry.stem_loop
    )


def _unresolved(name: str, match: Match) -> Resolution:
    return Resolution(name, None, None, None, match, (), None, None)


def _one_of(name: str, readings: Sequence[Resolution]) -> Resolution:
    """Bring several readings of one name together: one molecule, or ambiguous."""
    if len(readings) == 1:
        return readings[0] if readings[0].name == name else replace(readings[0], name=name)
    mature = {r.stem_loop for r in readings if r.level == "mature"}
    # miRDeep2 prints a mature miRNA with its stem-loop: the mature miRNA was counted.
    distinct = {
        (r.key, r.candidates): r
        for r in reversed(readings)
        if r.level == "mature" or r.stem_loop not in mature
    }
    if len(distinct) == 1:
        return replace(next(iter(distinct.values())), name=name)
    return _ambiguous(name, readings)


def _ambiguous(name: str, readings: Iterable[Resolution]) -> Resolution:
    readings = tuple(readings)
    candidates = {
        candidate
        for reading in readings
        for candidate in reading.candidates or (reading.canonical or reading.key or "",)
    }
    levels = {reading.level for reading in readings}
    stems = {reading.stem_loop for reading in readings}
    return Resolution(
        name,
        canonical=None,
        accession=None,
        level=levels.pop() if len(levels) == 1 else None,
        match="ambiguous",
        candidates=tuple(sorted(candidates)),
        key=None,
        stem_loop=stems.pop() if len(stems) == 1 else None,
    )


def _with_accession(name: str, accessions: Sequence[str], named: Resolution) -> Resolution:
    """Bring an accession and the name beside it together; the accession says more."""
    by_id = _one_of(name, [_resolve_accession(name, accession) for accession in accessions])
    if named.match == "foreign":
        return replace(named, name=name)
    if not named.is_mirna:
        return by_id
    if by_id.match == "form" and named.match == "form":
        key = named.key if named.level == by_id.level else by_id.key
        return replace(by_id, key=key, stem_loop=named.stem_loop)
    ours = facts.current_mature().keys() & named.candidates
    if by_id.canonical in named.candidates or (
        by_id.match == "form" and not ours and not named.key
    ):
        return by_id
    if by_id.key is not None and named.key is not None:
        if named.key in {by_id.key, by_id.stem_loop}:
            return by_id
        if by_id.key == named.stem_loop:  # a mature name beside its stem-loop's accession
            return replace(named, name=name)
    return _ambiguous(name, (by_id, named))


def _resolve_accession(name: str, accession: str) -> Resolution:
    entry = facts.entries().get(accession)
    if entry:
        return _resolved(name, entry, "accession")
    level: Level = "mature" if accession.startswith("MIMAT") else "stem-loop"
    return Resolution(name, None, accession, level, "form", (), accession, None)


def _with_aliases(name: str, found: Resolution, aliases: Mapping[str, str]) -> Resolution:
    """Apply a user's names: to the name as printed, else to what its form says."""
    target = aliases.get(name) or aliases.get(forms.plain(name))
    if target is None and found.match == "form":
        target = aliases.get(found.key or "")
    if target is None:
        return found
    meant = resolve(target)
    if target in {forms.plain(name), found.key} and meant.level != found.level:
        return found  # miRBase's own name of a stem-loop, in a table that shows it mature
    canonical = target if meant.match == "form" else meant.canonical
    match: Match = "alias" if canonical else meant.match
    accession = meant.accession or found.accession
    return replace(meant, name=name, canonical=canonical, accession=accession, match=match)


@lru_cache(maxsize=_CACHED_NAMES)
def _untold(name: str) -> str | None:
    """Return 'let' or 'mir' for a name that does not tell its level, None for others."""
    text = forms.plain(name)
    read = forms.read_forms(text) if len(text) <= forms.LONGEST_NAME else ()
    return None if len(read) != 1 or read[0].level_is_told else read[0].base[:3]


def _levels_told(found: Sequence[Resolution]) -> frozenset[str]:
    """Say which names ('mir', 'let') that tell no level the table's other names show mature."""
    mature = [r.name for r in found if r.level == "mature"]
    if not mature:
        return frozenset()
    # Small 'mir' that carries arms, and no 'miR' beside it: capitals mean nothing here.
    small = not any("miR" in n for n in mature) and any("mir" in n.lower() for n in mature)
    told = {"mir"} if small else set()
    stem_loops = [r.name for r in found if r.level == "stem-loop" and _untold(r.name) not in told]
    if not any("let" in n.lower() and _untold(n) is None for n in stem_loops):
        others = sum(_untold(name) != "let" for name in stem_loops)
        told |= {"let"} if len(mature) > others else set()
    return frozenset(told)


def _dots_told(found: Sequence[Resolution]) -> list[Resolution]:
    """Resolve the names whose dots (star, brackets, locus, repetition) the others explain."""
    if not any(r.match == "ambiguous" and "." in r.name for r in found):
        return list(found)
    printed = {forms.without_probe_number(r.name) for r in found}
    return [_dot_told(r, printed) if r.match == "ambiguous" else r for r in found]


def _dot_told(found: Resolution, printed: Collection[str]) -> Resolution:
    dotted = _DOTTED.fullmatch(forms.without_probe_number(found.name))
    if dotted is None or dotted["first"] not in printed:
        return found
    meant = f"{dotted['first']}.{dotted['number']}*" if dotted["dot"] else dotted["first"]
    return replace(_resolve(meant, "mature"), name=found.name)
