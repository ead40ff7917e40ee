"""What PyYAML says of text that is no YAML, for people who do not know YAML's grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml


@dataclass(frozen=True, slots=True)
class Explanation:
    """``begun``: the fault lies where the construct began, not where the parser gave up."""

    wrong: str
    remedy: str
    begun: bool = False


# (what PyYAML 6 says, what it means), the first that fits. Contexts such as "while parsing a flow mapping" count too.
_EXPLANATIONS = (
    ("'\\t'", Explanation("a tab stands where YAML wants spaces", "indent with spaces")),
    ("unknown escape", Explanation("a backslash stands inside double quotes", "use single quotes")),
    ("quoted scalar", Explanation("a quote is opened and not closed", "close it with the same sign", begun=True)),
    (
        "mapping values are not allowed",
        Explanation(
            "a second colon, a line that is indented too far, or a key without a colon above it",
            "indent the keys of one block alike, write `key: value`, and put quotes around text that holds `: `",
        ),
    ),
    ("undefined alias", Explanation("*name points at nothing", "write &name above, at the value that is meant")),
    ("another document", Explanation("`---` begins a second document", "keep everything in one")),
    ("found '}'", Explanation("a bracket closes that was never opened", "remove it")),
    ("found ']'", Explanation("a bracket closes that was never opened", "remove it")),
    ("flow mapping", Explanation("the { is not closed", "separate with commas and close with }", begun=True)),
    ("flow sequence", Explanation("the [ is not closed", "separate with commas and close with ]", begun=True)),
    ("expected ':'", Explanation("a key has no colon", "write `key: value`", begun=True)),
    (
        "cannot start any token",
        Explanation("a value begins with a sign that YAML keeps for itself", "put it in quotes"),
    ),
    ("block mapping", Explanation("the line does not fit into its block", "indent the keys of one block alike")),
    ("block collection", Explanation("the line does not fit into its list", "indent the entries of one list alike")),
)


def explain(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str, str]:
    """(line, what is wrong, what would be right)."""
    said = f"{error.problem or ''} {error.context or ''}"
    given_up = error.problem_mark or error.context_mark
    line = given_up.line + 1 if given_up else 1
    if "flow" in said and re.search(r"[^\"']\$\{", text.split("\n")[line - 1]):
        return line, "${...} stands inside { } without quotes", 'write "${...}"'
    for words, explanation in _EXPLANATIONS:
        if words in said:
            if explanation.begun and error.context_mark:
                line = error.context_mark.line + 1
            return line, explanation.wrong, explanation.remedy
    return line, f"the text is no YAML ({said.strip()})", "compare the line with the example in the README"
