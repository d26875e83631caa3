"""The tables of docs/measures.md: what can be measured, and which weight files that wants."""

from __future__ import annotations

from result_files import word_table

from refsr.metrics.measures.files import WEIGHT_FILES
from refsr.metrics.measures.table import MEASURES, Measure

BANDS = {"any": "any", "several": "two or more", "rgb": "three"}


def measures() -> str:
    """All measures, a line each."""
    head = ("measure", "what it is", "better", "bands", "computed by", "wants")
    return word_table(head, (_measure(measure) for measure in MEASURES.values()))


def weight_files() -> str:
    """All weight files, a line each."""
    head = ("file", "what it is", "SHA-256 starts with", "shipped by")
    rows = []
    for wanted in WEIGHT_FILES.values():
        names = " or ".join(f"`{name}`" for name in wanted.names)
        digests = dict.fromkeys(f"`{digest}`" for digest in wanted.names.values())
        shipped = " or ".join(f"`{packaged.project.strip(chr(39))}`" for packaged in wanted.packaged)
        rows.append((names, wanted.about, " or ".join(digests), shipped or "nobody"))
    return word_table(head, rows)


def _measure(measure: Measure) -> tuple[str, ...]:
    better = measure.better + (f", {measure.unit}" if measure.unit else "")
    about = measure.about + ("" if measure.needs_target else "; needs no target")
    about += "; one number for the whole set" if measure.whole_set else ""
    wants = [f"`{package}`" for package in measure.packages]
    wants += [f"`{next(iter(WEIGHT_FILES[key].names))}`" for key in measure.files]
    return f"`{measure.name}`", about, better, BANDS[measure.bands], measure.library, ", ".join(wants) or "nothing"
