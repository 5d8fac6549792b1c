"""Two settings of one searcher in a sweep: `beam@wide` is a beam whose knobs are search.wide.*

searchers=beam,beam@wide search.beam.branch=2 search.wide.branch=8
searchers=custom@first,custom@second search.first.cls=mine:First search.second.cls=mine:Second
"""

AT = "@"


def searcher_of(name: str) -> str:
    """The searcher of a setting: beam of beam@wide, and of beam."""
    return name.partition(AT)[0]


def setting_of(name: str) -> str:
    """Where a setting's knobs stand below `search`: wide of beam@wide, beam of beam."""
    return name.rpartition(AT)[2]
