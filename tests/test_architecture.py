"""The frame: who may import whom, what an import costs, what may lie in the repository."""

from __future__ import annotations

import ast
import gzip
import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

import mirrisk

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"

FACADE = "__init__"
"""``mirrisk`` itself: its names are for users, and for the command line."""

LAYERS = (
    "errors",
    "vocabulary",
    "notes",
    "arrays",
    "nomenclature",
    "digests",
    "panel",
    "signatures",
    "output",
    "expression",
    "tables",
    "coefficients",
    "alignment",
    "scoring",
    "reference",
    "model",
    "catalog",
    "result",
    "explain",
    "assessment",
    "singscore",
    "estimators",
    "validation",
    "fitting",
    "simulate",
    "power",
    "batch",
    FACADE,
    "cli",
    "__main__",
)
"""A module imports only from layers above its own; a package is one layer."""

# -- who may import whom ----------------------------------------------------------------------


def modules() -> dict[str, Path]:
    """Map the dotted name of every module to its file."""
    found = {}
    for path in sorted((SOURCE / "mirrisk").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def layer(module: str) -> str:
    """Return the part of a dotted name that the order is about."""
    return module.split(".")[1] if "." in module else FACADE


def runtime_imports(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    """Find imports anywhere in a file, but for those that only the type checker sees."""
    nodes: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            nodes += node.orelse
        else:
            nodes += ast.iter_child_nodes(node)


def imported(module: str, path: Path, known: dict[str, Path]) -> set[str]:
    """Return the modules of mirrisk that a module imports when it runs."""
    found: set[str] = set()
    for node in runtime_imports(path):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            start = _absolute(module, path, node)
            # `from package import x` means the module package.x where there is one.
            names = [
                f"{start}.{alias.name}" if f"{start}.{alias.name}" in known else start
                for alias in node.names
            ]
        found.update(name for name in names if name.split(".")[0] == "mirrisk")
    return found - {module}


def _absolute(module: str, path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    kept = package[: len(package) - node.level + 1]
    return ".".join([*kept, node.module] if node.module else kept)


MODULES = modules()
IMPORTS = {name: imported(name, path, MODULES) for name, path in MODULES.items()}


def test_every_module_is_in_a_layer_and_every_layer_has_a_module() -> None:
    assert {layer(module) for module in MODULES} == set(LAYERS)


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downward_only(module: str) -> None:
    above = LAYERS[: LAYERS.index(layer(module))]
    wrong = {name for name in IMPORTS[module] if layer(name) not in (*above, layer(module))}
    assert not wrong, f"{module} is below {', '.join(sorted(wrong))} and must not import it"


def test_no_import_cycle() -> None:
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_imports_are_found_wherever_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "tables.py"
    path.write_text(
        "from typing import TYPE_CHECKING\n"
        "import numpy\n"
        "if TYPE_CHECKING:\n    from mirrisk.cli import main\n"
        "else:\n    from mirrisk import errors\n"
        "def late():\n    from .panel import Panel\n    import mirrisk.reference as r\n"
        "class Late:\n    from mirrisk import score\n"
    )
    known = {f"mirrisk.{name}": path for name in ("cli", "errors", "panel", "reference")}
    found = imported("mirrisk.tables", path, known)
    assert found == {"mirrisk", "mirrisk.errors", "mirrisk.panel", "mirrisk.reference"}


# -- what an import costs ---------------------------------------------------------------------

HEAVY = ("numpy", "pandas", "scipy", "sklearn", "pyarrow", "joblib")
NOT_FOR_SCORING = ("sklearn", "scipy.stats", "altair", "dask")

SCORE_ONE_SAMPLE = """
import pandas as pd
import mirrisk
reference = mirrisk.Reference.load("tcga-prad")
log2_cpm = dict(zip(reference.profile.keys, reference.profile.median))
log2_cpm |= dict(zip(reference.keys, reference.grids[:, 50]))
counts = (2 ** pd.Series(log2_cpm, name="patient") * 4).round()
result = mirrisk.score(counts, panel="prostate", reference=reference, unit="counts")
assert len(result.scores) == 1 and len(result.contributions) > 1 and str(result.explain())
"""


def loaded_after(code: str, candidates: tuple[str, ...]) -> list[str]:
    """Run code in a new interpreter and return which of some modules it loaded."""
    listing = f"import sys; print('loaded:', *(m for m in {candidates!r} if m in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\n{listing}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.rpartition("loaded:")[2].split()


def command(*arguments: str) -> str:
    """Return code that runs a command of mirrisk."""
    return (
        f"import sys\nsys.argv = {['mirrisk', *arguments]!r}\n"
        "from mirrisk.cli import main\n"
        "try:\n    code = main()\nexcept SystemExit as stop:\n    code = stop.code\n"
        "assert not code, code"
    )


def test_import_is_lazy() -> None:
    assert loaded_after("import mirrisk; mirrisk.MirriskError", (*HEAVY, "pydantic")) == []


@pytest.mark.parametrize("arguments", [("--help",), ("panels", "list"), ("panels", "show", "lung")])
def test_commands_without_a_table_load_no_numerical_library(arguments: tuple[str, ...]) -> None:
    assert loaded_after(command(*arguments), HEAVY) == []


def test_scoring_loads_no_library_for_fitting_or_drawing() -> None:
    assert loaded_after(SCORE_ONE_SAMPLE, NOT_FOR_SCORING) == []


@pytest.mark.parametrize("name", mirrisk.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(mirrisk, name) is not None


def test_every_public_name_has_its_stub() -> None:
    stubs = {
        alias.name
        for node in ast.walk(ast.parse(MODULES["mirrisk"].read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mirrisk"
        for alias in node.names
    }
    assert stubs | {"__version__"} == set(mirrisk.__all__)


# -- what may lie in the repository -----------------------------------------------------------


def project_files() -> list[Path]:
    """Every file of the project, leaving out what .gitignore names."""
    ignored = [".git", *(ROOT / ".gitignore").read_text(encoding="utf-8").split()]
    patterns = [pattern.strip("/") for pattern in ignored]

    def kept(path: Path) -> bool:
        parts = path.relative_to(ROOT).parts
        return not any(fnmatch(part, pattern) for part in parts for pattern in patterns)

    return [path for path in sorted(ROOT.rglob("*")) if path.is_file() and kept(path)]


FILES = {str(path.relative_to(ROOT)): path for path in project_files()}


def text(path: Path) -> str:
    """Return a file's content, unpacked, with one character per byte."""
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode("latin-1")


# Written in parts, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile(r"(?<![\w.*])/(?:" + "work|tmp/w|root|home|Users" + r")/")
REGISTRIES = re.compile("|".join(name + r"\.(?:org|com)" for name in ("pypi", "pythonhosted")))
PATIENT = re.compile(r"TCGA-[0-9A-Z]{2}-[0-9A-Z]{4}")


@pytest.mark.parametrize("pattern", [MACHINE_PATHS, REGISTRIES, PATIENT], ids=lambda p: p.pattern)
def test_no_file_names_a_machine_a_registry_or_a_patient(pattern: re.Pattern[str]) -> None:
    assert not [name for name, path in FILES.items() if pattern.search(text(path))]


def test_the_search_for_forbidden_words_finds_them() -> None:
    assert MACHINE_PATHS.search("see /" + "work/main")
    assert MACHINE_PATHS.search("open('/" + "home/me/x.csv')")
    assert not MACHINE_PATHS.search("docs/work/plan and ../root/file")
    assert REGISTRIES.search("https://" + "pypi" + ".org/simple")
    assert PATIENT.search("TCGA-" + "AB-1234-01A")


# -- the shipped references -------------------------------------------------------------------

SHIPPED = sorted(
    path.name for path in (SOURCE / "mirrisk" / "references").iterdir() if path.suffix == ".json"
)
LARGEST_REFERENCE = 200 * 1024
QUANTILES = 101


def lists(value: Any) -> Iterator[list[Any]]:
    """Every list in a JSON value, at any depth."""
    if isinstance(value, list):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from lists(item)


def test_six_references_are_shipped() -> None:
    names = ("brca", "lihc", "luad", "lusc", "prad", "thca")
    assert [f"tcga-{name}.json" for name in names] == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_reference_is_small_and_holds_no_value_per_sample(name: str) -> None:
    path = SOURCE / "mirrisk" / "references" / name
    content = json.loads(path.read_text(encoding="utf-8"))
    assert path.stat().st_size <= LARGEST_REFERENCE
    assert content["n"] > QUANTILES
    assert content["n"] not in {len(found) for found in lists(content)}


def test_signatures_lie_where_the_package_looks_for_them() -> None:
    from mirrisk.panel import signature_folder

    packaged = resources.files("mirrisk") / "signatures"
    assert signature_folder().is_dir()
    assert packaged.is_dir() or signature_folder() == ROOT / "signatures"


# -- the README says what the code says -------------------------------------------------------

README = (ROOT / "README.md").read_text(encoding="utf-8")


def readme_section(title: str) -> str:
    """Return the text below a heading, down to the next heading."""
    return re.split(r"\n#+ ", README.split(f"\n{title}\n", 1)[1], maxsplit=1)[0]


def rows(section: str) -> list[tuple[str, ...]]:
    """Return the cells of a table whose first cells are code words."""
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [tuple(cell.strip(" `") for cell in line.split("|")[1:-1]) for line in lines]


def first_cells(section: str) -> list[str]:
    """Return the code words in the first cell of each row of a table."""
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


def test_readme_lists_the_modules_in_their_order() -> None:
    cells = first_cells(readme_section("### Modules"))
    listed = [name.rstrip("/") for name in cells]
    folders = {name for name in listed if (SOURCE / "mirrisk" / name).is_dir()}
    assert {name.rstrip("/") for name in cells if name.endswith("/")} == folders
    assert listed == [name for name in LAYERS if not name.startswith("__")]


def test_readme_lists_the_panels_and_references() -> None:
    from mirrisk.panel import shipped_panels
    from mirrisk.reference import Reference

    specimens = ("tissue", "serum", "ev")
    panels = [
        (p.id, p.cancer, p.endpoint, len(p.members), *(len(p.scorable(s)) for s in specimens))
        for p in shipped_panels()
    ]
    references = [Reference.load(name.removesuffix(".json")) for name in SHIPPED]
    assert rows(readme_section("## Panels")) == [tuple(map(str, panel)) for panel in panels]
    assert rows(readme_section("## References")) == [
        (reference.name, str(reference.cancer), str(reference.n)) for reference in references
    ]


def test_readme_explains_every_column_of_the_results() -> None:
    from mirrisk.result import CONTRIBUTION_COLUMNS, SCORE_COLUMNS

    assert first_cells(readme_section("### Scores")) == list(SCORE_COLUMNS)
    assert first_cells(readme_section("### Contributions")) == list(CONTRIBUTION_COLUMNS)


def test_readme_explains_every_word_of_the_closed_vocabularies() -> None:
    from mirrisk.result import REASONS, STATUSES, WHYS
    from mirrisk.scoring import Flag

    words = {*get_args(Flag), *REASONS, *STATUSES, *WHYS} - {""}
    assert words == set(first_cells(readme_section("### Words")))


@pytest.mark.parametrize("what", ["score", "test"])
def test_readme_command_is_one_line_between_its_marks(what: str) -> None:
    block = re.compile(rf"<!-- {what} command -->\n```sh\n(.+)\n```\n<!-- end -->")
    assert len(block.findall(README)) == 1


def test_version_is_the_same_everywhere() -> None:
    version = re.escape(mirrisk.__version__)
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^version: {version}$", citation, re.MULTILINE)
    assert re.search(rf"^## \[{version}\]", changes, re.MULTILINE)
