"""What an update found, in words and as plain types."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mirrisk.model import FittedPanel

if TYPE_CHECKING:
    from mirrisk.fitting.closed_test import ClosedTest, Update, UpdateFit
    from mirrisk.fitting.sample_size import Support
    from mirrisk.panel import Panel
    from mirrisk.validation.interval import Interval

MEANING: dict[Update, str] = {
    "original": "nothing is estimated anew",
    "in the large": "a new intercept",
    "logistic recalibration": "a new intercept and slope of the linear predictor",
    "revision": "every coefficient anew",
}

SHOWN = 3
"""How many samples that were left out are named in print; the result holds all."""

SMALL = "The cohort of the update is below the least size; that was accepted."


@dataclass(frozen=True, eq=False)
class Updated:
    """A panel updated on a new cohort; as a string, in words.

    Attributes
    ----------
    panel : FittedPanel
        The updated panel, ready to score and to save.
    original : FittedPanel or Panel
        What was updated.
    test : ClosedTest
        Every model with its log-likelihood, every test, and the choice. Of a panel of the
        literature, whose score is no log odds, it starts at logistic recalibration.
    auc : Interval
        Of the panel before the update, in the new cohort: for a fitted panel a validation in
        patients that it had not seen.
    auc_revised : Interval or None
        Of a revision, out of fold in the new cohort: what its new coefficients are worth beside
        the old ones. None without one, as recalibration leaves the AUC as it is.
    classes : (str, str)
        What no event and the event are called.
    support : Support or None
        What a cohort of this size supports, for the parameters that were estimated (an intercept
        alone counts as one); None where nothing was.
    left_out : dict of str to tuple of str
        Why samples took no part -> their names.
    accepted_small : bool
        Whether the cohort is below the least size.
    notes : tuple of str
        What was found or decided on the way, in sentences.
    """

    panel: FittedPanel
    original: Panel | FittedPanel
    test: ClosedTest
    auc: Interval
    auc_revised: Interval | None
    classes: tuple[str, str]
    support: Support | None
    left_out: dict[str, tuple[str, ...]]
    accepted_small: bool
    notes: tuple[str, ...]

    @property
    def chosen(self) -> Update:
        """Which update the cohort asked for."""
        return self.test.chosen

    def __str__(self) -> str:
        test, original = self.test, self.original
        found = f"{test.chosen} ({MEANING[test.chosen]})"
        lines = [
            f"Update of panel {original.id} {original.version} on {_size(test)}: {found}.",
            f"Event: {self.classes[1]} (not: {self.classes[0]}).",
            *_told_left_out(self.left_out),
            f"Before the update: {self.auc}.",
            *([f"Revised, out of fold: {self.auc_revised}."] if self.auc_revised else []),
            "",
            f"{'model':<24}{'log-likelihood':>14}  estimated (standard error)",
            *map(_fit_line, test.fits),
            "",
            *_test_lines(test),
            "",
        ]
        if self.support is not None:
            lines.append(str(self.support))
        if self.accepted_small:
            lines.append(SMALL)
        return "\n".join([*lines, *self.notes]).rstrip()

    def __repr__(self) -> str:
        return f"Updated({self.original.id!r} on {_size(self.test)}: {self.chosen})"


def caveats(
    test: ClosedTest,
    support: Support | None,
    left_out: dict[str, tuple[str, ...]],
    opposed: list[str],
    *,
    small: bool,
) -> tuple[str, ...]:
    """Return what users of the updated panel must know of the update."""
    said = [f"Updated on {_size(test)}: {test.chosen} ({MEANING[test.chosen]})."]
    if left_out:
        counts = "; ".join(f"{len(names)}, {why}" for why, names in left_out.items())
        said.append(f"Samples that took no part in the update: {counts}.")
    if support is not None and not support.sufficient:
        said.append(str(support))
    if small:
        said.append(SMALL)
    if opposed:
        said.append(against_literature(opposed))
    return tuple(said)


def against_literature(mirnas: list[str]) -> str:
    """Say which coefficients have the sign that the literature does not expect."""
    return f"Against the direction of the literature: {', '.join(mirnas)}."


def report(
    original: Panel | FittedPanel,
    test: ClosedTest,
    auc: Interval,
    auc_revised: Interval | None,
    support: Support | None,
    left_out: dict[str, tuple[str, ...]],
    *,
    classes: tuple[str, str],
    small: bool,
    cohort_name: str,
    own_reference: bool,
) -> dict[str, Any]:
    """Return the report of the updated panel as plain types; it names no sample.

    Where nothing was estimated the original's report stays, with the update beside it.
    """
    before = original.report if isinstance(original, FittedPanel) else {}
    told = {
        **asdict(test),
        "cohort": cohort_name,
        "reference": "of the new cohort" if own_reference else "as before",
        "original": {
            "kind": "fitted" if isinstance(original, FittedPanel) else "literature",
            "id": original.id,
            "version": original.version,
            "digest": original.digest,
        },
        "auc_before": asdict(auc),
        "auc_revised": None if auc_revised is None else asdict(auc_revised),
        "left_out": {why: len(names) for why, names in left_out.items()},
        "accepted_small": small,
    }
    if test.chosen == "original":
        found = {**before, "update": told}
    else:
        found = {
            "outcome": {"kind": "binary", "event": classes[1], "other": classes[0]},
            "n": test.n,
            "events": test.events,
            "sample_size": None if support is None else support.to_dict(),
            "update": told,
            "provenance": {"versions": {"mirrisk": version("mirrisk")}},
            "before": before,
        }
    found["accepted_small"] = small or bool(before.get("accepted_small", False))
    return dict(json.loads(json.dumps(found)))


def _size(test: ClosedTest) -> str:
    return f"{test.n} samples with {test.events} events"


def _told_left_out(left_out: dict[str, tuple[str, ...]]) -> list[str]:
    return [
        f"Left out: {len(names)} ({', '.join(names[:SHOWN])}"
        f"{', ...' if len(names) > SHOWN else ''}), {why}."
        for why, names in left_out.items()
    ]


def _fit_line(fit: UpdateFit) -> str:
    if fit.update == "revision":
        told = f"intercept and {len(fit.coefficients) - 1} coefficients"
    else:
        values = zip(("intercept", "slope"), fit.coefficients, fit.standard_errors, strict=False)
        told = ", ".join(f"{name} {value:+.3f} ({error:.3f})" for name, value, error in values)
    return f"{fit.update:<24}{fit.log_likelihood:>14.3f}  {told or 'nothing'}"


def _test_lines(test: ClosedTest) -> list[str]:
    """Say each test of the procedure; those after the first that does not reject do not count."""
    if not test.tests:
        return ["No other model to test it against."]
    lines = [f"Tested against {test.tests[0].alternative}, in this order, at {test.alpha:g}:"]
    decided = False
    for each in test.tests:
        rejects = each.p_value < test.alpha
        verdict = "does not count" if decided else "rejected" if rejects else "not rejected"
        lines.append(
            f"  {each.null:<24}chi-squared {each.statistic:.2f}, df {each.df}, "
            f"p = {each.p_value:.2g}: {verdict}"
        )
        decided = decided or not rejects
    return lines
