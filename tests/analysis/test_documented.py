"""docs/anomalies.md names every category, and every category has its words in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hemsd.scoring.categories import Category
from hemsd.scoring.sayings import SAYINGS, Language, seen

DOC = Path(__file__).parents[2] / "docs/anomalies.md"


def test_the_table_has_a_row_for_each_category() -> None:
    first_cells = [line.split("|")[1] for line in DOC.read_text().splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([A-Z_]+)`", " ".join(first_cells))) == set(Category)


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("category", list(Category))
def test_each_category_is_said_with_its_size_its_cause_and_what_to_do(category: Category, language: Language) -> None:
    saying = SAYINGS[language][category]
    told = seen(category, 12.345, language)

    assert "{" not in told
    size = f"{12.345:.{saying.decimals}f}"
    assert re.findall(r"\d[\d.,]*", told) == [size.replace(".", ",") if language == "de" else size]
    assert saying.cause
    assert saying.advice
    assert not re.search(r"\d", saying.cause + saying.advice)
