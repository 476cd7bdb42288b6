"""Tables of the evaluation's page, made of its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    Row = dict[str, Any]

BONE = (
    "*Bone metastasis: 0 means not recorded, not proven absent; follow-up is short (see Cohorts).*"
)

ORDER = ("brca", "prad", "lihc", "thca", "luad", "lusc")

FEW_EVENTS = 10
"""Below it a verdict is told with the number of events."""

MEMBERS = (
    "Per member its own AUC in the direction that the literature gives it (above 0.5 agrees), with "
    "the interval, and after the semicolon its influence: AUC of the panel less AUC of the panel "
    "without it (above 0 it helps). For the former only samples count whose library can show it. "
    "+ and - mark intervals above and below 0.5; no interval is widened for their number, so that "
    "about one in twenty is marked by chance.\n"
)


def summary(result: Row) -> str:
    """Return endpoints of two classes: AUC, random panels, stage or Gleason, verdict."""
    rows = []
    for each in result["endpoints"]:
        rows.append(
            [
                *_names(result, each),
                f"{each['n']} / {each['events']}",
                _interval(each["auc"]),
                *_random(each["random"]),
                _alone(each["clinical"]),
                _verdict(each),
            ]
        )
        rest = each["without_metastatic"]
        if rest and each["endpoint"] == "bone_met":
            rows.append(
                [
                    "",
                    "",
                    f"... without {each['n'] - rest['n']} who were M1 at diagnosis",
                    f"{rest['n']} / {rest['events']}",
                    _interval(rest["auc"]),
                    "",
                    "",
                    f"{each['clinical']['name']} {_interval(rest['clinical_alone'])}",
                    rest["verdict"],
                ]
            )
    head = [
        "panel",
        "cohort",
        "endpoint",
        "n / events",
        "AUC",
        "random: median, 95th, best",
        "as good",
        "stage or Gleason alone",
        "verdict",
    ]
    return _table(head, rows) + f"\n{BONE}\n"


def times(result: Row) -> str:
    """Return times to events: Harrell's C, likewise."""
    rows = [
        [
            *_names(result, each),
            f"{each['n']} / {each['events']}",
            _interval(each["c"]),
            *_random(each["random"]),
            _alone(each["clinical"]),
            _verdict(each),
        ]
        for each in result["follow_up"]
    ]
    head = [
        "panel",
        "cohort",
        "time to",
        "n / events",
        "Harrell's C",
        "random: median, 95th, best",
        "as good",
        "stage or Gleason alone",
        "verdict",
    ]
    return _table(head, rows)


def cohorts(result: Row) -> str:
    """Return who was scored, on what, and how percentiles lie."""
    rows = []
    for each in result["cohorts"]:
        at = each["percentiles"]
        lost = ", ".join(f"{n} {why}" for why, n in each["not_scored"].items())
        rows.append(
            [
                each["cohort"],
                f"{each['panel']} {each['panel_version']}",
                f"{each['scored']} of {each['primary_tumours']} ({lost})",
                f"{each['mirnas']}, of which {len(each['too_rare'])} too rare",
                str(each["pool"]),
                f"{each['median_follow_up_days']:.0f}",
                str(each["metastatic_at_diagnosis"]),
                f"{each['clinical_unknown']}",
                _interval(at["above_90th"]),
                _interval(at["below_10th"]),
                f"{at['ks_p']:.2f}",
            ]
        )
    head = [
        "cohort",
        "panel",
        "scored",
        "stem-loops of the panel",
        "random panels drawn from",
        "days followed, median of those alive",
        "M1 at diagnosis",
        "stage or Gleason unknown",
        "above the 90th percentile",
        "below the 10th",
        "KS p",
    ]
    said = (
        "## Cohorts, and calibration of percentiles\n\n"
        "Of patients who did not make the reference, a tenth should lie above its 90th percentile "
        "and a tenth below its 10th. KS p: of the Kolmogorov-Smirnov test against the uniform "
        "distribution. Percentiles of non-events alone, and events among tumours that were not "
        "scored, stand below with the flags.\n"
    )
    return said + "\n" + _table(head, rows)


def added(result: Row) -> str:
    """Return what the panels add to stage or Gleason."""
    rows = []
    for each in result["endpoints"]:
        clinical, models = each["clinical"], each["clinical"]["models"]
        cells = [
            *_names(result, each),
            f"{each['n']} / {each['events']}",
            _interval(clinical["panel_less_clinical"], sign=True),
        ]
        if models is None:
            few = f"fewer than {result['about']['min_events']} events: no model"
            rows.append([*cells, "", "", "", "", few])
            continue
        rows.append(
            [
                *cells,
                str(models["imputed"]),
                *(_interval(models[name]) for name in ("clinical", "both")),
                _interval(models["gain"], sign=True),
                models["gain_verdict"],
            ]
        )
    head = [
        "panel",
        "cohort",
        "endpoint",
        "n / events",
        "panel less stage or Gleason, paired",
        "imputed",
        "stage or Gleason, out of fold",
        "both, out of fold",
        "gain, within folds",
        "the panel",
    ]
    about = result["about"]
    said = (
        "## What the panels add to stage or Gleason\n\n"
        "First the difference of the two AUCs as they are (paired DeLong, among those with a known "
        f"stage). Then logistic models in {about['repeats']} x {about['folds']}-fold "
        "cross-validation, compared within folds; an unknown stage "
        "is the mean of the training folds, and counted. These models are free to use a score in "
        "the direction that the panel does not claim: a gain where the AUC above is below 0.5 "
        "would not speak for the panel. No model was fitted on fewer than "
        f"{about['min_events']} events.\n"
    )
    return said + "\n" + _table(head, rows) + f"\n{BONE}\n"


def flags(result: Row) -> str:
    """Return events by flag, and "high" as a test."""
    rows = []
    for each in result["endpoints"]:
        flags = each["flags"]
        counts = flags["rows"]
        rows.append(
            [
                *_names(result, each),
                *(
                    f"{counts[flag]['events']}/{counts[flag]['n']}"
                    for flag in ("high", "average", "low", "indeterminate", "not_scored")
                ),
                *(_share(flags[name]) for name in ("sensitivity", "specificity", "ppv", "npv")),
                _interval(each["percentiles_of_non_events"]["above_90th"]),
            ]
        )
    head = [
        "panel",
        "cohort",
        "endpoint",
        "high",
        "average",
        "low",
        "indeterminate",
        "not scored",
        "sensitivity of high",
        "specificity",
        "PPV",
        "NPV",
        "non-events above the 90th percentile",
    ]
    said = (
        '## What the flags mean\n\nEvents / all per flag; then "high" taken for a positive test '
        "and every other scored sample for a negative one, with exact intervals (Clopper and "
        "Pearson). Predictive values are those at the cohort's share of events on record.\n"
    )
    return said + "\n" + _table(head, rows) + f"\n{BONE}\n"


def parts(result: Row) -> str:
    """Return AUCs in parts of the cohorts."""
    rows = []
    for each in result["endpoints"]:
        rest, same = each["without_metastatic"], each["within_sequencer"]
        if not (rest or same):
            continue
        rows.append(
            [
                *_names(result, each),
                _interval(each["auc"]),
                f"{_interval(rest['auc'])}, {rest['n']} / {rest['events']}" if rest else "",
                _interval(rest["clinical_alone"]) if rest else "",
                _interval(same) if same else "",
            ]
        )
    head = [
        "panel",
        "cohort",
        "endpoint",
        "AUC",
        "without M1 at diagnosis, n / events",
        "stage or Gleason alone, without M1",
        "within one sequencer",
    ]
    said = (
        "## Does it hold without the obvious?\n\n"
        "Without patients whose tumour was M1 (pathological or clinical) at diagnosis, where two "
        "events or more are left; and among pairs of patients sequenced on the same machine, where "
        "a cohort was sequenced on two (the older one gave shallower libraries).\n"
    )
    return said + "\n" + _table(head, rows) + f"\n{BONE}\n"


def members(result: Row) -> str:
    """Return each member's own AUC and influence, cohort by cohort."""
    sections = ["## Members: does each direction agree, and what is lost without it?\n", MEMBERS]
    for cohort in ORDER:
        rows = [each for each in result["endpoints"] if each["cohort"] == cohort]
        if rows:
            sections.append(_members_of(result, rows))
    return "\n".join(sections)


def _members_of(result: Row, endpoints: Sequence[Row]) -> str:
    first = endpoints[0]
    head = ["member", "risk when"] + [
        f"{_endpoint(result, each)} ({each['events']})" for each in endpoints
    ]
    body = [
        [member["member"], member["risk_when"]]
        + [_member(each["members"][at]) for each in endpoints]
        for at, member in enumerate(first["members"])
    ]
    body.append(["**agree**", ""] + [agreement(each["members"]) for each in endpoints])
    bone = f"\n{BONE}\n" if any(each["endpoint"] == "bone_met" for each in endpoints) else ""
    return f"### {first['panel']}, {first['cohort']}\n\n" + _table(head, body) + bone


def agreement(members: Sequence[Row]) -> str:
    """Count members on the panel's side of 0.5, and those whose interval lies off it."""
    measured = [each["auc"] for each in members if each["auc"]]
    above = sum(each["estimate"] > 0.5 for each in measured)
    told = sum(each["low"] > 0.5 for each in measured)
    contrary = sum(each["high"] < 0.5 for each in measured)
    return f"{above} of {len(measured)}; told from chance {told}, contrary {contrary}"


def _member(member: Row) -> str:
    if member["auc"] is None:
        return "too rare"
    mark = " +" if member["auc"]["low"] > 0.5 else " -" if member["auc"]["high"] < 0.5 else ""
    influence = member["influence"]
    helps = "" if influence is None else f"; {influence:+.3f}"
    return f"{_interval(member['auc'])}{mark}{helps}"


# -- cells ------------------------------------------------------------------------------------


def _names(result: Row, each: Row) -> list[str]:
    return [each["panel"], each["cohort"], _endpoint(result, each)]


def _endpoint(result: Row, each: Row) -> str:
    name = str(result["about"]["endpoints"][each["endpoint"]]["name"])
    return name.removeprefix("time to ")


def what(each: Row) -> str:
    """Name a cohort and an endpoint."""
    return f"{each['cohort']}, {each['endpoint'].replace('_met', ' metastasis').replace('_', ' ')}"


def _verdict(each: Row) -> str:
    few = each["events"] < FEW_EVENTS
    return str(each["verdict"]) + (f" ({each['events']} events only)" if few else "")


def _random(found: Row) -> list[str]:
    spread = ", ".join(two(found[name]) for name in ("median", "percentile_95", "best"))
    return [spread, f"{found['as_good']} of {found['panels']:,} (p = {found['p']:.3f})"]


def _alone(clinical: Row) -> str:
    return f"{clinical['name']} {_interval(clinical['alone'])}"


def _share(share: Row) -> str:
    if not share["of"]:
        return "unknown (0/0)"
    return f"{share['count']}/{share['of']}: {_interval(share)}"


def _interval(found: Row, *, sign: bool = False) -> str:
    plus = "+" if sign else ""
    estimate, low, high = (f"{found[name]:{plus}.2f}" for name in ("estimate", "low", "high"))
    return f"{estimate} ({low} to {high})"


def two(value: float) -> str:
    """Round to two decimals."""
    return f"{value:.2f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
