"""How platforms and pipelines print the name of a miRNA, read by its form alone.

A form says what is printed (number, letters, locus, arm, star); what it denotes is looked up in
``resolution``. Rules are by form, never by list: the next array prints other numbers the same way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mirrisk.nomenclature.facts import Level

_SEPARATOR = r"[-_.\s]"

_NAME = re.compile(
    rf"""
    (?P<hairpin>hp[-_.])?                       # Affymetrix: a probe for the stem-loop
    (?:v\d+[-_.])?                              # Affymetrix: a name of that miRBase version
    (?:X?\d*[\W_]+(?=hsa))?                     # Exiqon: the probe's number first
    (?:(?P<human>hsa|has){_SEPARATOR}+)?        # 'has': what spell checkers make of 'hsa'
    (?P<kind>mirn?{_SEPARATOR}?let|mirna|mirn?|let)
    (?P<joint>{_SEPARATOR}?)
    (?P<number>[1-9]\d{{0,4}})
    (?P<letters>[ab][a-z]|[a-z])?  # miR-548a to -548z, -548aa ...; not MIR22HG
    (?:(?P<symbol_locus>(?<=[a-z])\d{{1,2}})
      |(?P<locus_joint>{_SEPARATOR})(?P<locus>\d{{1,2}}))?
    (?P<antisense>{_SEPARATOR}as)?
    (?:{_SEPARATOR}(?P<arm>[35]p))?
    (?P<star>\s?[*#]|{_SEPARATOR}?star(?![a-z])|\.(?=[._]|$))?   # make.names turns * and # into .
    (?P<tail>(?:
        [.\s]*\(\d{{1,2}}\)|\.\d{{1,2}}\.$                    # (n): n loci counted together
       |[-_.:\s]+\d{{6}}(?:[-_.](?:mir|mat))?(?:[:._][AB])?   # TaqMan assay and pool
       |[-_.](?:[xsa][-_.])?st(?![a-z])                       # Affymetrix sense target
       |[-_.|]nmiR\d+(?:\.\d+)?                               # NanoString probe
       |_v\d+(?:[._]\d+)?                                     # Agilent: redesigned probe
       |[-_.:;]iso\S*|[.:;]ref|_[ACGTUacgtu]{{5,}}(?:_[-+]?\d+)? # one isomiR of it
       |[._]SNP[ACGTacgt]*                                    # miRge: a variant of it
       |[_.][1-9](?=$)                                        # R, pandas: a repeated name
       |\.+$)*)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MATURE_PROBE = re.compile(r"\d{6}|st$|nmir|iso|[acgtu]{5}|\(\d+\)|\.\d+\.$", re.IGNORECASE)

_MIRGENEDB = re.compile(
    r"Hsa[-_.](?:Mir|Let)[-_.]"  # its capitals
    r"|(?:Mir|Let)-\d+\S*_[35]p"  # its underscore before the arm
    r"|(?i:(?:hsa[-_.])?(?:mir|let)[-_.]\d+[-_.]P\d)"  # its paralogue groups
)
# The symbols of mouse and rat genes differ from the human ones by their small letters alone.
_RODENT_SYMBOL = re.compile(r"Mir(?:let)?\d")
_CODE = r"(?:[a-z]{3,4}|[a-z]{2,4}\d{1,2}[a-z]?)"  # of a species or virus: mmu, hcmv, hsv1, hhv6b
_SPECIES = re.compile(
    r"(?:hp[-_.])?(?:v\d+[-_.])?(?:X?\d+[\W_]+)?"
    rf"(?!(?:hsa|has|mir|mirn|let|pre|pri)[-_.\s]){_CODE}([-_.\s])"
    r"(?:mir|let|lin|lsy|bantam|iab)(?:\1|\d)",
    re.IGNORECASE,
)
_VIRAL = re.compile(r"miR[-_.](?:BART|BHRF|UL\d|US\d|K12|TAR|N367)", re.IGNORECASE)

_SPECIES_NAME = rf"{_CODE}[-_.](?:mir|let)[-_.]?\d"
# A star (* or #) before the separator belongs to the name; a dot may be either, see merged_parts.
_MERGED = re.compile(rf"\s*[/|,;+&]\s*|(?:[^\w*#]|_)+(?={_SPECIES_NAME})", re.IGNORECASE)
_DOTS_BETWEEN = re.compile(rf"(?={_SPECIES_NAME})([\w.]+?\.)\.+(?={_SPECIES_NAME})", re.IGNORECASE)
_PROBE_NUMBER = re.compile(rf"^X?\d+[\W_]+(?={_SPECIES_NAME})", re.IGNORECASE)
_SHORT = re.compile(r"(?P<number>\d+)?(?P<rest>(?:[a-z]{1,2})?(?:[-_.]\d{1,2})?(?:[-_.][35]p)?\*?)")
_COUNTED = re.compile(r"mi(?:cro)?r(?:na)?[-_.\s]?(\d{1,6})", re.IGNORECASE)
_HEAD = re.compile(rf"(?i:(?:hsa{_SEPARATOR})?(?:mir|let){_SEPARATOR}?)(?P<number>\d+)")
# Names merged by dots (make.names) or underscores: hsa.miR.27a.3p.27b.3p.
_RUN_ON_PART = (
    r"(?:(?:mir|let)[-_.]?)?(?![35]p)\d{1,5}[a-z]{0,2}(?:[-_.]\d(?=[-_.][35]p))?(?:[-_.][35]p)?"
)
_RUN_ON = re.compile(
    rf"(?P<first>(?=.*[35]p)(?:hsa[-_.])?(?=mir|let){_RUN_ON_PART})"
    rf"(?P<rest>(?:[._]{_RUN_ON_PART})+)",
    re.IGNORECASE,
)

_CONTROL = re.compile(
    r"""
    (?:mamm|hm/mr/rt[ ]?|hsa[-_.])?u6\b.*|u\d{1,2}[ab]?(?:\b|_)(?:[ ]?(?:snrna|rrna))?.*
   |(?:hsa[-_.])?(?:rnu|snord|snora|scarna|snor|rny|rn7s)[-_]?\w*\d\w*.*
   |(?:hy|y|z)(?:3|30)(?:[-_].*)?|(?:5|5\.8|18|28)s(?:[-_ ]?rrna)?(?:[-_].*)?
   |(?:actb|gapdh|b2m|rpl10|rpl19|rplp0|rpl27|tbp|hprt1|gusb)
   |(?:mir[-_.])?unisp\d.*|sp6|hbii-\d.*|mirtc|ppc|(?:pos|neg|lig)_[a-z0-9]+.*|nc\d_\d+
   |(?:hsa[-_.])?negative[-_. ]?control.*|dark_?corner|(?:ge_)?bright_?corner|mirnabrightcorner\d*
   |scorner\d*|dmr_\w+|affx\W.*|spike[-_]?(?:in|control).*|ercc-\d+
   |(?:cel|ath|osa)[-_. ]mir[-_. ]?\d+[a-z]?(?:[-_. ][35]p)?(?:[-_.:]\d{6}.*)?
    """,
    re.VERBOSE | re.IGNORECASE,
)

# NanoString: the share of the positive control to subtract, and a remark on such probes.
_REMARK = re.compile(r"\|0(?:\.\d+)?$|\s*\(\+\+\+[^)]*\)$")

#: Longer than any name, also one merged from dozens; what is longer is no name.
LONGEST_NAME = 500

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),  # hyphens, dashes, minus
        **dict.fromkeys("\u00a0\u202f\t\r\n", " "),
        **dict.fromkeys("\ufeff\u200b\"'"),  # byte order mark, zero-width space, quotes
    }
)


@dataclass(frozen=True, slots=True)
class Form:
    """What the print of one name says.

    ``level_is_told`` is False where neither arm, star, locus, probe nor capitals tell a mature
    miRNA from its stem-loop (``hsa-let-7c``, ``mir-21``).
    """

    base: str  # small letters, no species: 'mir-16', 'let-7a'
    locus: str
    antisense: bool
    arm: str
    star: bool
    level: Level
    level_is_told: bool

    @property
    def stem(self) -> str:
        """The stem-loop's name without its locus, as far as the form knows: ``hsa-mir-16``."""
        return f"hsa-{self.base}{'-as' if self.antisense else ''}"

    @property
    def name(self) -> str:
        """The name in miRBase's style."""
        base = self.base if self.level == "stem-loop" else self.base.replace("mir", "miR")
        parts = ["hsa", base, self.locus, "as" if self.antisense else "", self.arm]
        return "-".join(part for part in parts if part) + ("*" if self.star else "")

    def at_level(self, level: Level) -> Form:
        """Return the form read as ``level``, where its print does not tell the level."""
        return self if self.level_is_told or self.level == level else replace(self, level=level)


def plain(name: str) -> str:
    """Return a name without quotes, blanks and remarks around it, its dashes made hyphens."""
    text = str(name).translate(_PLAIN).strip()
    return text if text[-1:] not in "0123456789)" else _REMARK.sub("", text)


def without_probe_number(name: str) -> str:
    """Return a name without the number of the probe that Exiqon prints before it."""
    return _PROBE_NUMBER.sub("", name)


def is_running_count(name: str) -> bool:
    """Tell a name that counts features (``miR_2`` after ``miR_1``) from those of human miRNAs.

    miRBase has no human miR-2 to miR-6: where these are printed the numbers beside them are no
    miRNAs' either.
    """
    found = _COUNTED.fullmatch(name)
    return found is not None and 2 <= int(found[1]) <= 6


def is_bare_number(name: str) -> bool:
    """Tell whether a name is a number after ``miR``, without species, letter, locus or arm."""
    return _COUNTED.fullmatch(name) is not None


def read_forms(name: str) -> tuple[Form, ...]:
    """Read one printed name: no form if it is no human miRNA, two if the print is equivocal.

    R's ``make.names`` writes the dot for the star, for brackets and for blanks, and before the
    number of a repeated name: ``hsa.miR.16.2.`` was ``hsa-miR-16-2*`` or ``hsa-miR-16(2)``, and
    ``hsa.miR.16.1`` is the second ``hsa.miR.16`` or the locus ``hsa-miR-16-1``.
    """
    found = _NAME.fullmatch(name)
    if found is None or not _is_consistent(found) or _RODENT_SYMBOL.match(name):
        return ()
    form = _form(found)
    if found["kind"] == "miR" and found["locus_joint"] == "." and form.level == "stem-loop":
        return (form, replace(form, locus="", level="mature"))
    if found["star"] != "." or found["arm"]:
        return (form,)
    if form.locus not in {"", "1"} and not found["tail"]:  # nobody prints (1)
        return (form, replace(form, locus="", star=False))
    blanks = found["tail"] == "." or (found["kind"].islower() and not found["tail"])
    if blanks and "let" not in form.base:
        return (form, replace(form, star=False))
    return (form,)


def _is_consistent(found: re.Match[str]) -> bool:
    is_let = "let" in found["kind"].lower()
    return not (
        (is_let and found["number"] != "7")
        or (found["symbol_locus"] and found["joint"])
        or (found["star"] and found["arm"] and found["star"] != ".")
        or (found["star"] == "." and found["joint"] != ".")
        or (found["hairpin"] and (found["arm"] or found["star"]))
    )


def _form(found: re.Match[str]) -> Form:
    is_let = "let" in found["kind"].lower()
    arm = (found["arm"] or "").lower()
    star = bool(found["star"]) and not arm
    locus = found["locus"] or found["symbol_locus"] or ""
    repeated = found["locus_joint"] and found["joint"] not in {"", found["locus_joint"]}
    if repeated and not (arm or star or found["antisense"]):
        locus = ""  # hsa-miR-16.1 is pandas' second hsa-miR-16
    told = _told_level(found, locus)
    if arm or star:
        told = "mature"
    return Form(
        base=f"{'let' if is_let else 'mir'}-{found['number']}{(found['letters'] or '').lower()}",
        locus=locus,
        antisense=bool(found["antisense"]),
        arm=arm,
        star=star,
        level=told or "stem-loop",
        level_is_told=told is not None,
    )


def _told_level(found: re.Match[str], locus: str) -> Level | None:
    """Tell mature from stem-loop without arm or star; None where the print does not tell."""
    kind: str = found["kind"]
    if found["hairpin"] or locus:
        return "stem-loop"
    if _MATURE_PROBE.search(found["tail"]) or kind == "miR":
        return "mature"
    if found["joint"] == "" and kind.isupper() and not found["human"] and kind != "LET":
        return "stem-loop"  # the symbol of the gene
    return None


def merged_parts(name: str) -> tuple[str, ...]:
    """Split a name that stands for several miRNAs; one part if it does not.

    ``hsa-miR-27a-3p/27b-3p`` gives ``hsa-miR-27a-3p`` and ``hsa-miR-27b-3p``. Of two dots that
    ``make.names`` left between two names the first may be a star: the parts hold both readings.
    """
    name = without_probe_number(name)
    run_on = _RUN_ON.fullmatch(name)
    texts = (
        [run_on["first"], *re.findall(_RUN_ON_PART, run_on["rest"], re.IGNORECASE)]
        if run_on
        else _MERGED.split(name)
    )
    parts = [text for text in (*texts, *_DOTS_BETWEEN.findall(name)) if text]
    head = _HEAD.match(parts[0]) if parts else None
    if len(parts) < 2 or head is None:
        return tuple(parts)
    arm = re.search(r"[-_.][35]p\*?$", parts[-1])
    first = parts[0]
    if arm and _is_letters(parts[-1]) and not re.search(r"[-_.][35]p\*?$", first):
        first += arm[0]  # miR-199a/b-3p
    return (first, *(_complete(part, head["number"]) for part in parts[1:]))


def _is_letters(part: str) -> bool:
    return re.match(r"[a-z](?![a-z]{2})", part, re.IGNORECASE) is not None


def _complete(part: str, number: str) -> str:
    """Write a shortened part of a merged name in full; anything else is returned as it is."""
    short = _SHORT.fullmatch(part)
    if short is None:
        return part
    number = short["number"] or number
    return f"hsa-{'let' if number == '7' and short['rest'][:1].isalpha() else 'miR'}-" + (
        number + short["rest"]
    )


def is_mirgenedb(name: str) -> bool:
    """Tell whether a name is written in MirGeneDB's nomenclature (``Hsa-Mir-8-P1a_3p``)."""
    return _MIRGENEDB.match(name) is not None


def is_foreign(name: str) -> bool:
    """Tell whether a name is that of another species' miRNA."""
    return any(pattern.match(name) for pattern in (_SPECIES, _RODENT_SYMBOL, _VIRAL))


def is_control(name: str) -> bool:
    """Tell whether a name is that of a control, a spike-in or a housekeeping RNA.

    Such columns often serve as normalisers of Ct values; they are never miRNA expression.

    Parameters
    ----------
    name : str
        A feature name as a platform prints it, such as ``RNU48-001006`` or ``cel-miR-39-3p``.

    Returns
    -------
    bool
        True for U6, small nucleolar RNAs, other species' spiked-in miRNAs and array controls.

    Examples
    --------
    >>> is_control("U6 snRNA-001973"), is_control("hsa-miR-16-5p")
    (True, False)
    """
    return _CONTROL.fullmatch(plain(name)) is not None
