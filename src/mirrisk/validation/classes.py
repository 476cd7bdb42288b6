"""Outcomes of two classes: which of the two is the event."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mirrisk.errors import MismatchError

if TYPE_CHECKING:
    from mirrisk.vocabulary import FloatArray


def two_classes(
    labels: Any, event_class: object = None, fitted_to: tuple[str, str] | None = None
) -> tuple[FloatArray, str, str]:
    """Return 0 and 1, and what no event and the event are called.

    Numbers are compared as numbers, whether written or not: 1, 1.0, "1" and True are one class.

    Parameters
    ----------
    labels : array of object
        All known.
    event_class : str, number or bool, optional
        The class that is the event; default the second in order.
    fitted_to : tuple of str, optional
        No event and the event as a fitted panel has them; without `event_class` the two classes
        must be these.

    Raises
    ------
    MismatchError
        If there are not two classes (0 and 1 need not both be there), or they are not those of
        `event_class` or `fitted_to`.
    """
    words = np.array([class_word(label) for label in labels], dtype=object)
    classes = sorted(set(words), key=_in_order)
    if classes and {"0", "1"} >= set(classes):
        classes = ["0", "1"]
    if len(classes) != 2:
        shown = ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")
        noun = "class" if len(classes) == 1 else "classes"
        raise MismatchError(
            f"the outcome has {len(classes)} {noun}: {shown}",
            expected="two: the second in order is the event",
            remedy="merge classes, or leave the samples of others without an outcome",
        )
    other, event = classes
    if event_class is not None:
        event = _named_class(event_class, classes)
    elif fitted_to is not None:
        event = _fitted_class(fitted_to, classes)
    other = next(name for name in classes if name != event)
    return (words == event).astype(np.float64), other, event


def class_word(label: object) -> str:
    """Return what a class is called: numbers and booleans as the number that they are.

    Examples
    --------
    >>> [class_word(label) for label in (1, 1.0, "1", True, "True", "relapse")]
    ['1', '1', '1', '1', '1', 'relapse']
    """
    text = str(label).strip()
    if text.lower() in ("true", "false"):
        return str(int(text.lower() == "true"))
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        return text
    return str(int(number)) if number.is_integer() else repr(number)


def _in_order(word: str) -> tuple[bool, float, str]:
    """Sort numbers as numbers, before words."""
    try:
        return False, float(word), ""
    except ValueError:
        return True, 0.0, word


def _named_class(event_class: object, classes: list[str]) -> str:
    event = class_word(event_class)
    if event not in classes:
        raise MismatchError(
            f"no sample of the class {event!r}, which is to be the event",
            expected=f"one of {', '.join(classes)}",
        )
    return event


def _fitted_class(fitted_to: tuple[str, str], classes: list[str]) -> str:
    other, event = map(class_word, fitted_to)
    if {other, event} != set(classes):
        raise MismatchError(
            f"the outcome has the classes {classes[0]} and {classes[1]}, the panel was fitted to "
            f"{event} (against {other})",
            expected="the same two classes, or a word on which of these is the event",
            remedy=f"name it: event_class={classes[1]!r}, or --event-class {classes[1]}",
        )
    return event
