"""A language model that may put an answer into nicer words, where the household has set one up; nothing needs it.

It is given the deterministic answer and the session's facts as text, never values of others, and asked to answer from
those alone. What it says is taken only if every number in it stands in that text: a made-up kilowatt-hour is worse than
a plain sentence. When it is slow, down or inventive, the plain answer is given.

Any server that understands ``POST /v1/chat/completions`` will do; one on the same machine keeps the data at home.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from hemsd.scoring.words import Language

log = logging.getLogger(__name__)

WITHIN_S: Final = 20.0
LONGEST_ANSWER: Final = 2000
TASK: Final[dict[Language, str]] = {
    "en": "Answer the question in one to three English sentences, only from the facts below. Use no other number.",
    "de": "Beantworte die Frage in ein bis drei deutschen Sätzen, nur aus den Fakten unten. Nenne keine andere Zahl.",
}
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)?")


@dataclass(frozen=True, slots=True)
class Speaker:
    """``base_url`` is what comes before ``/chat/completions``; ``key_file`` holds the key, where one is needed."""

    base_url: str
    model: str
    key_file: Path | None = None

    async def say(self, question: str, plain: str, language: Language) -> str:
        """The answer in other words, or ``plain`` itself."""
        try:
            async with asyncio.timeout(WITHIN_S):
                said = await self._asked(question, plain, language)
        except (TimeoutError, OSError, aiohttp.ClientError, ValueError, LookupError, TypeError) as error:
            log.info("The language model gave no answer (%s); the plain one is given", type(error).__name__)
            return plain
        if not said or len(said) > LONGEST_ANSWER or not grounded(said, plain):
            log.info("The language model said what the facts do not hold; the plain answer is given")
            return plain
        return said

    async def _asked(self, question: str, plain: str, language: Language) -> str:
        body = {
            "model": self.model,
            "temperature": 0,
            "messages": [
                {"role": "system", "content": f"{TASK[language]}\n\n{plain}"},
                {"role": "user", "content": question},
            ],
        }
        headers = {} if self.key_file is None else {"Authorization": f"Bearer {self._key()}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(f"{self.base_url.rstrip('/')}/chat/completions", json=body) as response,
        ):
            response.raise_for_status()
            found = json.loads(await response.text())
            return str(found["choices"][0]["message"]["content"]).strip()

    def _key(self) -> str:
        assert self.key_file is not None
        return self.key_file.read_text().strip()


def grounded(said: str, facts: str) -> bool:
    """Whether every number that is said stands in the facts; 7.20 and 7,2 are the same."""
    known = {_value(number) for number in _NUMBER.findall(facts)}
    return all(_value(number) in known for number in _NUMBER.findall(said))


def _value(number: str) -> float:
    return float(number.replace(",", "."))
