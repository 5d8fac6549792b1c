"""Several settings of one searcher in a sweep: `beam@wide` is a beam whose knobs are search.wide.*

searchers=beam,beam@wide search.beam.branch=2 search.wide.branch=8
searchers=custom@first,custom@second search.first.cls=mine:First search.second.cls=mine:Second
"""

import re
from collections.abc import Collection, Iterable

from experiments.errors import ConfigError, one_of

AT = "@"


def searcher_of(name: str) -> str:
    """The searcher of a setting: beam of beam@wide, and of beam."""
    return name.partition(AT)[0]


def setting_of(name: str) -> str:
    """Where a setting's knobs stand below `search`: wide of beam@wide, beam of beam."""
    return name.partition(AT)[2] or name


def settings(names: Iterable[str], searchers: Collection[str]) -> dict[str, str]:
    """The searcher of each setting, by the setting's name, without the searchers that are named alone.

    Raises ConfigError for an unknown searcher, and for a setting's name that cannot be typed or means something else.
    """
    known: dict[str, str] = {}
    for name in (name for name in names if AT in name):
        searcher, setting = searcher_of(name), setting_of(name)
        if searcher not in searchers:
            raise ConfigError(f"searchers: no such searcher {searcher!r}; choose from {one_of(searchers, searcher)}")
        if not re.fullmatch(r"[A-Za-z_]\w*", setting, re.ASCII):
            raise ConfigError(
                f"searchers: {name}: a setting's name has letters, digits and _ only: {searcher}@wide, whose knobs are "
                "search.wide.*"
            )
        if setting in searchers:
            raise ConfigError(f"searchers: {name}: {setting} is a searcher; give the setting another name")
        if known.get(setting, searcher) != searcher:
            raise ConfigError(f"searchers: two settings are called {setting}; give one of them another name")
        known[setting] = searcher
    return known
