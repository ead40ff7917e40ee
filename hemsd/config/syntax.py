"""What PyYAML says of text that is no YAML, for people who do not know YAML's grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

from hemsd.said import said


@dataclass(frozen=True, slots=True)
class Explanation:
    """``begun``: the fault lies where the construct began, not where the parser gave up."""

    wrong: str
    remedy: str
    begun: bool = False


# (what PyYAML 6 says, what it means), the first that fits. Contexts such as "while parsing a flow mapping" count too.
_EXPLANATIONS = (
    (
        "'\\t'",
        Explanation(
            said("yaml.tab", "a tab stands where YAML wants spaces"), said("yaml.tab.do", "indent with spaces")
        ),
    ),
    (
        "unknown escape",
        Explanation(
            said("yaml.backslash", "a backslash stands inside double quotes"),
            said("yaml.backslash.do", "use single quotes"),
        ),
    ),
    (
        "quoted scalar",
        Explanation(
            said("yaml.quote", "a quote is opened and not closed"),
            said("yaml.quote.do", "close it with the same sign"),
            begun=True,
        ),
    ),
    (
        "mapping values are not allowed",
        Explanation(
            said("yaml.colon", "a second colon, a line that is indented too far, or a key without a colon above it"),
            said(
                "yaml.colon.do",
                "indent the keys of one block alike, write `key: value`, and put quotes around text that holds `: `",
            ),
        ),
    ),
    (
        "undefined alias",
        Explanation(
            said("yaml.alias", "*name points at nothing"),
            said("yaml.alias.do", "write &name above, at the value that is meant"),
        ),
    ),
    (
        "another document",
        Explanation(
            said("yaml.document", "`---` begins a second document"), said("yaml.document.do", "keep everything in one")
        ),
    ),
    (
        "found '}'",
        Explanation(said("yaml.bracket", "a bracket closes that was never opened"), said("fault.remove", "remove it")),
    ),
    (
        "found ']'",
        Explanation(said("yaml.bracket", "a bracket closes that was never opened"), said("fault.remove", "remove it")),
    ),
    (
        "flow mapping",
        Explanation(
            said("yaml.brace", "the {{ is not closed"),
            said("yaml.brace.do", "separate with commas and close with }}"),
            begun=True,
        ),
    ),
    (
        "flow sequence",
        Explanation(
            said("yaml.square", "the [ is not closed"),
            said("yaml.square.do", "separate with commas and close with ]"),
            begun=True,
        ),
    ),
    (
        "expected ':'",
        Explanation(
            said("yaml.no_colon", "a key has no colon"), said("yaml.no_colon.do", "write `key: value`"), begun=True
        ),
    ),
    (
        "cannot start any token",
        Explanation(
            said("yaml.sign", "a value begins with a sign that YAML keeps for itself"),
            said("yaml.sign.do", "put it in quotes"),
        ),
    ),
    (
        "block mapping",
        Explanation(
            said("yaml.block", "the line does not fit into its block"),
            said("yaml.block.do", "indent the keys of one block alike"),
        ),
    ),
    (
        "block collection",
        Explanation(
            said("yaml.list", "the line does not fit into its list"),
            said("yaml.list.do", "indent the entries of one list alike"),
        ),
    ),
)


def explain(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str, str]:
    """(line, what is wrong, what would be right)."""
    told = f"{error.problem or ''} {error.context or ''}"
    given_up = error.problem_mark or error.context_mark
    line = given_up.line + 1 if given_up else 1
    if "flow" in told and re.search(r"[^\"']\$\{", text.split("\n")[line - 1]):
        return (
            line,
            said("yaml.variable", "${{...}} stands inside {{ }} without quotes"),
            said("yaml.variable.do", 'write "${{...}}"'),
        )
    for words, explanation in _EXPLANATIONS:
        if words in told:
            if explanation.begun and error.context_mark:
                line = error.context_mark.line + 1
            return line, explanation.wrong, explanation.remedy
    wrong = said("yaml.other", "the text is no YAML ({told})", told=told.strip())
    return line, wrong, said("yaml.other.do", "compare the line with the example in the README")
