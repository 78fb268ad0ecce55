"""`expand[]`: identifiers replaced by the objects they name.

Belongs here: walking an object along a path such as `data.lines.data.discounts`. Does not: which
objects there are.
Source: https://docs.stripe.com/api/expanding_objects
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from revops_pipelines.sandbox.stripe.replies import RefusedError, error

DEEPEST = 4
Finder = Callable[[str], dict[str, Any] | None]


def paths_below(paths: Sequence[str], is_list: bool) -> list[list[str]]:
    """The paths as steps from one object; on a list they begin with `data`."""
    found = []
    for path in paths:
        steps = path.split(".")
        if is_list:
            if steps[0] != "data" or len(steps) < 2:
                raise RefusedError(_cannot(path))
            steps = steps[1:]
        if len([step for step in steps if step != "data"]) > DEEPEST:
            raise RefusedError(error(400, f"You cannot expand more than {DEEPEST} levels."))
        found.append(steps)
    return found


def _cannot(path: str) -> Any:
    return error(400, f"This property cannot be expanded ({path}).", param="expand")


def expand(shown: dict[str, Any], paths: Sequence[Sequence[str]], find: Finder) -> None:
    """Expand in place. RefusedError for a path that leads to nothing expandable."""
    for steps in paths:
        _walk(shown, steps, ".".join(steps), find)


def _walk(shown: Any, steps: Sequence[str], path: str, find: Finder) -> None:
    if not steps or shown is None:
        return
    if isinstance(shown, list):
        for entry in shown:
            _walk(entry, steps, path, find)
        return
    if not isinstance(shown, dict) or steps[0] not in shown:
        raise RefusedError(_cannot(path))
    shown[steps[0]] = _expanded(shown[steps[0]], path, find, is_last=len(steps) == 1)
    _walk(shown[steps[0]], steps[1:], path, find)


def _expanded(value: Any, path: str, find: Finder, is_last: bool) -> Any:
    if isinstance(value, str):
        found = find(value)
        if found is None:
            raise RefusedError(_cannot(path))
        return found
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return [_expanded(entry, path, find, is_last) for entry in value]
    if is_last and isinstance(value, (int, bool)):
        raise RefusedError(_cannot(path))
    return value
