"""Writes all golden trees anew and removes those of cases that are gone."""

import json

from tests.search.golden import CASES, FOLDER, grown, path_of

for stale in FOLDER.glob("*.json"):
    stale.unlink()
for name in CASES:
    path_of(name).write_text(json.dumps(grown(name), indent=None) + "\n")
print(f"wrote {len(CASES)} trees to {FOLDER}; `git diff --stat` shows which of them changed")
