"""What the commands that make fitted panels have in common: cohorts, names, what is shown."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirrisk.cli import options, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from mirrisk.fitting.base import PanelEstimator
    from mirrisk.fitting.cohort import Cohort
    from mirrisk.fitting.report import Summary
    from mirrisk.model import FittedPanel
    from mirrisk.tables.clinical import Labelled


@dataclass(frozen=True)
class Names:
    """What a fitted panel's file says of it."""

    id: str
    title: str
    endpoint: str
    cohort: str

    @classmethod
    def of(
        cls,
        id: str | None,  # noqa: A002 - the word of panels
        title: str | None,
        endpoint: str | None,
        cohort: str | None,
        table: str,
        out: str,
    ) -> "Names":
        """Take what was given, else the names of files and columns."""
        from mirrisk.errors import InvalidPanelError
        from mirrisk.model import check_identity
        from mirrisk.panel import PANEL_ID

        stem = Path(out).name.split(".")[0].lower().replace(" ", "-")
        named = id or stem
        try:
            check_identity("id", named, PANEL_ID)
        except InvalidPanelError as error:
            told = "" if id else "name it: --id (if omitted it is the name of the file)"
            raise InvalidPanelError(error.what, expected=error.expected, remedy=told) from None
        what = endpoint or "outcome"
        name = cohort or ("a cohort" if table == "-" else Path(table).name.split(".")[0])
        return cls(named, title or f"Fitted to {what} in {name}", what, name)


def read_cohort(
    how: options.TableOptions,
    table: str,
    labels: str,
    needed: "Sequence[str]",
    covariates: "Sequence[str]",
) -> "tuple[Cohort, Labelled, tuple[str, ...]]":
    """Read a table and the clinical data of its samples, and say what was noticed.

    Samples without an outcome are left out.
    """
    from mirrisk.fitting.cohort import Cohort
    from mirrisk.tables.clinical import clinical_values, column, label, numbers, read_clinical

    clinical = read_clinical(labels)  # what is small is read first
    for name in (*needed, *covariates):
        column(clinical, name, labels)
    whole = how.read(table)
    labelled = label(whole.samples, clinical, needed, labels)
    for name in covariates:
        numbers(column(labelled.clinical, name, labels), labels)
    expression, names = whole.take(labelled.rows), tuple(covariates)
    frame = labelled.clinical if names else None
    values, said = clinical_values(frame, names, expression.samples, labels)
    notes = (*whole.notes, *labelled.notes, *said)
    return Cohort(expression, values, names), labelled, notes


def follow_up(time: Any, event: Any) -> Any:
    """Put follow-up and event codes into the one array that survival estimators take."""
    import numpy as np

    y = np.empty(len(time), dtype=[("event", float), ("time", float)])
    y["event"], y["time"] = event, time
    return y


def with_stability(estimator: "PanelEstimator", pairs: int, jobs: int) -> Any:
    """Return the estimator for the final fit, which alone pays for stability selection."""
    from sklearn.base import clone

    return clone(estimator).set_params(stability=pairs, n_jobs=jobs)


def validated(estimator: "PanelEstimator", cohort: "Cohort", y: Any, **scheme: Any) -> Any:
    """Validate by nested cross-validation, showing how far it is.

    Every fold repeats the fit as it is, tuning and all; what is left out (the audit, warnings)
    has no part in its predictions. ``y`` is 0 and 1, or what :func:`follow_up` gives.
    """
    from sklearn.base import clone

    from mirrisk.validation.resampling import nested_cv
    from mirrisk.validation.survival_resampling import nested_cv_survival

    lean = clone(estimator).set_params(audit=False, quiet=True)
    with show.counted("Validating", scheme["folds"] * scheme["repeats"]) as progress:
        if y.dtype.names is None:
            return nested_cv(lean, cohort, y, progress=progress, **scheme)
        time, event = y["time"], y["event"]
        return nested_cv_survival(lean, cohort, time, event, progress=progress, **scheme)


def print_summary(summary: "Summary") -> None:
    """Print what a fit found."""
    show.stderr().print(show.plain_lines(str(summary)), soft_wrap=True)


def print_panel(console: "Console", panel: "FittedPanel") -> None:
    """Print a fitted panel: its members, how it was fitted, what it is worth."""
    console.print(show.heading(f"{panel.id} {panel.version}  {show.plain(panel.title)}"))
    console.print(show.facts(about(panel)))
    console.print()
    console.print(members(panel))
    for title, lines in (
        ("Fit", panel.report.get("said", [])),
        ("Validation", panel.report.get("validation", {}).get("said", [])),
        ("Caveats", panel.caveats),
    ):
        if lines:
            console.print()
            console.print(show.heading(title))
            console.print(show.bullets(lines))


def about(panel: "FittedPanel") -> "Iterator[tuple[str, str]]":
    """Yield what a fitted panel is."""
    reference = panel.reference
    yield "endpoint", panel.endpoint
    yield "cancer", panel.cancer or "not stated"
    yield "model", panel.link.kind
    kind = ", ".join((reference.specimen, reference.level, reference.unit))
    yield "reference", f"{reference.name}: {reference.n} samples, {kind}"
    yield "digest", panel.digest


def members(panel: "FittedPanel") -> Any:
    """Return a table of a fitted panel's miRNAs and covariates."""
    rows = show.listing(
        "miRNA", "coefficient", "selected", "literature", "member", fold=("member",),
        right=("coefficient", "selected"),
    )  # fmt: skip
    for term in panel.terms:
        often = "" if term.frequency is None else f"{term.frequency:.0%}"
        direction = (term.claim.risk_when or "contested") if term.claim else "-"
        member = "" if term.member == term.mirna else term.member
        rows.add_row(term.mirna, f"{term.coefficient:+.3f}", often, direction, show.plain(member))
    for covariate in panel.covariates:
        rows.add_row(
            show.plain(covariate.name), f"{covariate.coefficient:+.3f}", "", "clinical", ""
        )
    return rows
