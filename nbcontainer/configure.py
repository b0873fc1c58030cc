"""%cont config: what can be chosen for a notebook, shown as a table and set by name.

%cont config                     all of it
%cont config changes             one
%cont config changes off         from now on
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from traitlets import Bool, HasTraits, Int, TraitError

from .errors import UsageError
from .results import Table, Text

COLUMNS = (("Name", "NAME"), ("Value", "VALUE"), ("Meaning", "MEANING"))
_ON, _OFF = ("on", "true", "yes", "1"), ("off", "false", "no", "0")


def configure(chosen: HasTraits, words: Sequence[str]) -> Table | Text:
    """Show what is chosen, or choose.  Raises: UsageError for what there is not."""
    traits = chosen.traits(config=True)
    if not words:
        return Table("setting", COLUMNS, [_row(chosen, name) for name in sorted(traits)])
    name = words[0].replace("-", "_")
    if name not in traits:
        known = ", ".join(sorted(traits))
        raise UsageError(f"there is nothing to choose called {words[0]}", f"There are {known}.")
    if len(words) == 1:
        return Table("setting", COLUMNS, [_row(chosen, name)])
    if len(words) > 2:
        raise UsageError(f"{name} takes one value, not {len(words) - 1}", "Quote what has a space.")
    try:
        setattr(chosen, name, _value(traits[name], words[1]))
    except (TraitError, ValueError):
        wants = "on or off" if isinstance(traits[name], Bool) else "a number"
        raise UsageError(f"{name} is {wants}, not {words[1]}", traits[name].help) from None
    return Text([f"{name} is {_shown(getattr(chosen, name))}"])


def _value(trait: Any, word: str) -> Any:
    if isinstance(trait, Bool):
        if word.lower() in _ON:
            return True
        if word.lower() in _OFF:
            return False
        raise ValueError(word)
    return int(word) if isinstance(trait, Int) else word


def _row(chosen: HasTraits, name: str) -> dict[str, str]:
    trait = chosen.traits()[name]
    return {"Name": name, "Value": _shown(getattr(chosen, name)), "Meaning": trait.help}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "as in the environment" if value in (None, "") else str(value)
