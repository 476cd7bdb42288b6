"""Every human name of miRBase as platforms and pipelines would print it, with what it denotes.

The platforms are those of nomenclature/platform_headers.tsv. What a printed name denotes is known
because it was printed from a miRBase entry: the accession of the entry, or of all the entries that
carried the name in some version of miRBase. A name that an entry carries today is that entry's.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

#: What a printed name denotes: one accession, or several where miRBase or a merger gave several.
Truth = dict[str, frozenset[str]]


class Name(NamedTuple):
    """A name of miRBase, now or formerly, with the entry that carries it."""

    text: str
    accession: str
    symbol: str
    denotes: frozenset[str]


class Style(NamedTuple):
    """How a platform prints mature miRNAs and stem-loops, and how it joins those it cannot tell."""

    mature: tuple[Callable[[Name], str], ...] = ()
    stem_loop: tuple[Callable[[Name], str], ...] = ()
    merged: tuple[Callable[[str, str], str], ...] = ()


def plain(name: Name) -> str:
    """hsa-miR-21*."""
    return name.text


def then(suffix: str) -> Callable[[Name], str]:
    """Print the name and a suffix."""
    return lambda name: name.text + suffix


def dotted(text: str) -> str:
    """Print as R's make.names does: hsa.miR.21."""
    valid = re.sub(r"[^A-Za-z0-9._]", ".", text)
    return valid if valid[0].isalpha() else f"X{valid}"


def r_name(name: Name) -> str:
    """hsa.miR.21.5p."""
    return dotted(name.text)


def r_repeated(name: Name) -> str:
    """Print the second column of a name, as R does: hsa.miR.21.5p.1."""
    return f"{dotted(name.text)}.1"


def underscored(name: Name) -> str:
    """hsa_miR_21_5p."""
    return name.text.replace("-", "_")


def bare(name: Name) -> str:
    """miR-21."""
    return name.text.removeprefix("hsa-")


def affymetrix(suffix: str, prefix: str = "") -> Callable[[Name], str]:
    """hsa-miR-21-star_st."""
    return lambda name: prefix + name.text.replace("*", "-star") + suffix


def taqman(suffix: str) -> Callable[[Name], str]:
    """hsa-miR-21#-002438."""
    return lambda name: name.text.replace("*", "#") + suffix


def taqman_capitals(suffix: str) -> Callable[[Name], str]:
    """hsa-miR-548P_002798:B, hsa-miR-338-5P-002658."""
    return lambda name: (
        re.sub(r"\d[a-z]+", lambda found: found[0].upper(), name.text.replace("*", "#")) + suffix
    )


def exiqon(name: Name) -> str:
    """X42490...hsa.miR.505.5p."""
    return f"X42490...{dotted(name.text)}"


def exiqon_species(name: Name) -> str:
    """42490 | hsa-miR-21*/mmu-miR-21*/rno-miR-21*."""
    others = [name.text.replace("hsa-", code, 1) for code in ("mmu-", "rno-")]
    return "42490 | " + "/".join((name.text, *others))


def fireplex(name: Name) -> str:
    """hsa-mir-22-3p, with blanks after it."""
    return f"{name.text.lower()}  "


def firehose(suffix: str) -> Callable[[Name], str]:
    """hsa-let-7a-2-3p|MIMAT0010195."""
    return lambda name: f"{name.text}|{name.accession}{suffix}"


def by_accession(prefix: str = "", suffix: str = "") -> Callable[[Name], str]:
    """mature,MIMAT0000076."""
    return lambda name: f"{prefix}{name.accession}{suffix}"


def isb_cgc(name: Name) -> str:
    """hsa-mir-21.MIMAT0000076, of the releases that print arms."""
    stem_loop, arms = re.subn(r"-[35]p$", "", name.text)
    return f"{stem_loop.lower()}.{name.accession}" if arms else ""


def symbol(name: Name) -> str:
    """MIR21."""
    return name.symbol


def former_symbol(name: Name) -> str:
    """MIRN21."""
    return name.symbol.replace("MIR", "MIRN", 1)


def capitals(name: Name) -> str:
    """HSA-MIR-21."""
    return name.text.upper()


def bare_capitals(name: Name) -> str:
    """MIR-21."""
    return bare(name).upper()


def joined(separator: str) -> Callable[[str, str], str]:
    """hsa-miR-151a-5p|hsa-miR-151b."""
    return lambda first, second: f"{first}{separator}{second}"


def shortened(first: str, second: str) -> str:
    """hsa-miR-27a-3p/27b-3p."""
    return f"{first}/{re.sub(r'^hsa-(miR|let)-', '', second)}"


def r_shortened(first: str, second: str) -> str:
    """hsa.miR.27a.3p.27b.3p, where both have arms (else a locus could be meant)."""
    return dotted(shortened(first, second)) if first[-1] == second[-1] == "p" else ""


STYLES = {
    "Affymetrix miRNA-1.0 (_st, -star_st)": Style(
        mature=(affymetrix("_st"),),
        stem_loop=(affymetrix("_st", "hp_"), affymetrix("_x_st", "hp_")),
    ),
    "Affymetrix miRNA-1/2 (_st)": Style(
        mature=(affymetrix("_st"), affymetrix("_x_st"), affymetrix("_st", "v11_")),
        stem_loop=(affymetrix("_s_st", "hp_"),),
    ),
    "Affymetrix miRNA-4.0 (GPL19117)": Style(
        mature=(by_accession(suffix="_st"),),
        stem_loop=(by_accession(suffix="_st"), by_accession(suffix="_x_st")),
    ),
    "Agilent (GSE19536, breast)": Style(mature=(plain,)),
    "Agilent Human miRNA (AgiMicroRna dd.micro)": Style(mature=(plain,)),
    "Agilent Human miRNA V2 (GPL8227), authors already renamed star names": Style(mature=(plain,)),
    "Agilent platform name column AHUS (with MIMAT truth in file)": Style(
        mature=(plain, then("_v14.0"))
    ),
    "Agilent platform name column UCAM (with MIMAT truth in file)": Style(mature=(plain,)),
    "CCLE NanoString miRNA (name_probeID)": Style(mature=(then("_nmiR00132.1"),)),
    "Exiqon miRCURY array, R make.names (GSE58606)": Style(mature=(exiqon, exiqon_species)),
    "FirePlex (trailing blanks, lower-case mir, arm kept)": Style(mature=(fireplex,)),
    "Firehose miRseq mature": Style(mature=(firehose(""), firehose("_1"))),
    "GDC isoforms.quantification (miRNA_region column)": Style(mature=(by_accession("mature,"),)),
    "GDC mirnas.quantification.txt (stem-loop, hg38; columns miRNA_ID/read_count/"
    "reads_per_million_miRNA_mapped/cross-mapped)": Style(stem_loop=(plain,)),
    "GSE114071 half-cell seq Name/Description": Style(mature=(plain,), stem_loop=(plain,)),
    "HGNC symbols and aliases": Style(
        stem_loop=(symbol, former_symbol, capitals, bare_capitals, r_name)
    ),
    "ISB-CGC BigQuery isoform matrix": Style(mature=(isb_cgc,)),
    "NanoString nCounter miRNA (Code.Class Endogenous1; Name/Accession)": Style(
        mature=(plain, then("|0"), then(" (+++ See Message Below)"), by_accession()),
        merged=(joined("+"), lambda first, second: f"{first}+{second}|0.003"),
    ),
    "R make.names": Style(mature=(r_name, r_repeated)),
    "TCGA BCGSC mirnas.quantification (miRBase v16 stem-loop, hg19)": Style(stem_loop=(plain,)),
    "TCGA mature matrix (Subtype-GAN)": Style(mature=(plain,)),
    "TCGA stem-loop, DeepProg LIHC": Style(stem_loop=(plain,)),
    "TCGA stem-loop, underscores (BOM file)": Style(
        stem_loop=(underscored, lambda name: f"\ufeff{underscored(name)}")
    ),
    "TCGA stem-loop, underscores (LinkedOmics-derived)": Style(stem_loop=(underscored,)),
    "TaqMan OpenArray/TLDA (miRcomp: name_assayID:pool, # = star)": Style(
        mature=(taqman("_002278:A"), taqman_capitals("_002798:B"))
    ),
    "TaqMan TLDA (name-assayID), MIMAT truth in file": Style(
        mature=(taqman("-000477"), taqman_capitals("-002658"))
    ),
    "array DE table (TimiRGeN hs_miR)": Style(mature=(r_name,)),
    "exceRpt miRNA_ReadCounts": Style(
        mature=(plain, lambda name: f"{name.text}|{name.text}"), merged=(joined("|"),)
    ),
    "isomiR-level rows": Style(mature=(then("_UAGCUUA_-1"), then("_UAGCUUA_0"))),
    "miRge + miRBase merged names": Style(
        mature=(plain, then(".SNPC")), merged=(shortened, r_shortened, joined("/"))
    ),
    "miRge3.0 + MirGeneDB": Style(),  # no name of miRBase: see mirgenedb_names
    "mirtop.tsv UID column": Style(),  # no name at all
    "mirtop.tsv miRNA column": Style(mature=(plain,)),
    "nf-core/smrnaseq hairpin_counts.csv": Style(stem_loop=(plain,)),
    "nf-core/smrnaseq mature_counts.csv (samples in rows, sample names end .mature)": Style(
        mature=(plain,)
    ),
    "qPCR, no species prefix": Style(mature=(bare,)),
    "sRNAbench .mat": Style(mature=(plain,)),
    "small RNA-seq with merged-locus suffix (n) and star": Style(mature=(then("(2)"), then("(3)"))),
    "small RNA-seq, mature v22": Style(mature=(plain,)),
    "small RNA-seq, no species prefix, star (Witten 2010 cervical)": Style(mature=(bare,)),
    "underscore mature": Style(mature=(underscored,)),
}


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a tab-separated table."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def names_in(path: Path) -> list[Name]:
    """List every name of every entry, one row for each entry that carried it."""
    entries = read_table(path)
    carried = {
        entry["accession"]: list(
            dict.fromkeys(
                name
                for name in (
                    entry["name_v22"],
                    entry["last_name"],
                    *entry["previous_names"].split(";"),
                )
                if name
            )
        )
        for entry in entries
    }
    denotes: defaultdict[str, set[str]] = defaultdict(set)
    for accession, names in carried.items():
        for name in names:
            denotes[name].add(accession)
    denotes.update({entry["name_v22"]: {entry["accession"]} for entry in entries})
    symbols = {entry["accession"]: entry.get("hgnc_symbol", "") for entry in entries}
    return [
        Name(name, accession, symbols[accession], frozenset(denotes[name]))
        for accession, names in carried.items()
        for name in names
    ]


def printed_names(folder: Path) -> Iterator[tuple[str, Truth]]:
    """Print all names in the style of each platform."""
    mature = names_in(folder / "nomenclature" / "human_mature.tsv")
    stem_loops = names_in(folder / "nomenclature" / "human_hairpin.tsv")
    for platform, style in STYLES.items():
        truth: Truth = {}
        for names, prints in ((mature, style.mature), (stem_loops, style.stem_loop)):
            for how in prints:
                _add(truth, _print_all(names, how))
        for merge in style.merged:
            _add(truth, _merge_all(mature, merge))
        yield platform, truth


def _add(truth: Truth, printed: Iterable[tuple[str, frozenset[str]]]) -> None:
    for name, accessions in printed:
        truth[name] = truth.get(name, frozenset()) | accessions


def _print_all(
    names: Iterable[Name], how: Callable[[Name], str]
) -> Iterator[tuple[str, frozenset[str]]]:
    for name in names:
        if printed := how(name):
            told = name.accession in printed or how in {symbol, former_symbol}
            yield printed, frozenset({name.accession}) if told else name.denotes


def _merge_all(
    names: list[Name], merge: Callable[[str, str], str]
) -> Iterator[tuple[str, frozenset[str]]]:
    """Merge each name with one that is far from it in miRBase, and with its neighbour."""
    current = [name for name in names if re.search(r"-[35]p$|miR-\d+[a-z]?$", name.text)]
    current = [name for name in current if len(name.denotes) == 1]
    for step in (1, 7):
        for first, second in zip(current, current[step:], strict=False):
            same_kind = ("let" in first.text) == ("let" in second.text)
            printed = merge(first.text, second.text) if same_kind else ""
            if printed and first.denotes != second.denotes:
                yield printed, first.denotes | second.denotes


def foreign_names(folder: Path) -> Iterator[str]:
    """Print the names with the codes of a mouse and two viruses in the style of each platform."""
    files = ("human_mature.tsv", "human_hairpin.tsv")
    mature, stem_loops = (names_in(folder / "nomenclature" / file)[::7] for file in files)
    for code in ("mmu", "ebv", "hsv1"):
        for style in STYLES.values():
            for names, prints in ((mature, style.mature), (stem_loops, style.stem_loop)):
                for how in prints:
                    printed = (how(n._replace(text=n.text.replace("hsa", code, 1))) for n in names)
                    yield from (name for name in printed if code in name.lower())


def mirgenedb_names() -> Iterator[str]:
    """Print names as MirGeneDB does: family, paralogue group, variant, arm, star."""
    for family in (*range(1, 40), 103, 154, 430, 652, 1296, 3140):
        for group in ("", "-P1", "-P2a", "-P1a-v1", "-P3c", "-as"):
            for end in ("_5p", "_3p*", "_pre", ""):
                yield f"Hsa-Mir-{family}{group}{end}"
                yield f"Hsa.Mir.{family}{group.replace('-', '.')}{end.replace('*', '.')}"
    yield from ("Hsa-Let-7-P2a2_3p*", "Hsa-Mir-103-P1_3p/P2_3p/P3_3p", "Hsa-Let-7-P1c_5p")
