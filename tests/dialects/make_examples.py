"""Records the examples of the OpenAPI document from played visits: ``python -m tests.dialects.make_examples``."""

from __future__ import annotations

import json

from tests.dialects import stories
from tests.dialects.test_flex_examples import EXAMPLES, RECORDED

SHOWN_DECISIONS = 4


def main() -> None:
    RECORDED.mkdir(exist_ok=True)
    for name, _, story, moment in EXAMPLES:
        write(f"flex_session_{name}", story()[moment])
    detail = stories.a_sunny_day()["hems"]
    shown = [each for each in detail["decisions"] if each["decision"] in ("hold", "start", "step")][:SHOWN_DECISIONS]
    named = {each["steering_command_id"] for each in shown}
    commands = [each for each in detail["commands"] if each["id"] in named]
    counts = {"commands_sent": len(commands), "commands_applied": len(commands)}
    write("hems_session_1", {"session": {**detail["session"], **counts}, "decisions": shown, "commands": commands})
    write("ev_session_1", stories.a_night()["ev charging"])


def write(name: str, document: object) -> None:
    (RECORDED / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
