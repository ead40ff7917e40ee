"""A language model that may put an answer into nicer words, where the household has set one up; nothing needs it.

It is given the deterministic answer and the session's facts as text, never values of others, and asked to answer from
those alone. What it says is taken only if every number in it stands in that text, with the unit that it has there: a
made-up kilowatt-hour is worse than a plain sentence. When it is slow, down or inventive, the plain answer is given.

Any server that understands ``POST /v1/chat/completions`` will do; one on the same machine keeps the data at home.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from hemsd.scoring.grounds import grounded
from hemsd.scoring.sayings import Language

log = logging.getLogger(__name__)

WITHIN_S: Final = 20.0
LONGEST_ANSWER: Final = 2000
TASK: Final[dict[Language, str]] = {
    "en": "Answer the question in one to three English sentences, only from the facts below. Use no other number.",
    "de": "Beantworte die Frage in ein bis drei deutschen Sätzen, nur aus den Fakten unten. Nenne keine andere Zahl.",
}
EXPLAIN: Final[dict[Language, str]] = {
    "en": "What happened in this session, what usually causes it, what should be done? Keep the category names.",
    "de": "Was geschah in diesem Ladevorgang, woher kommt das, was ist zu tun? Behalte die Namen der Kategorien.",
}
LONGEST_REPLY: Final = 200_000  # bytes of a body; nobody's answer is longer


@dataclass(frozen=True, slots=True)
class Speaker:
    """``base_url`` is what comes before ``/chat/completions``; ``key_file`` holds the key, where one is needed."""

    base_url: str
    model: str
    key_file: Path | None = None
    within_s: float = WITHIN_S

    async def say(self, question: str | None, facts: str, language: Language, naming: Sequence[str] = ()) -> str | None:
        """An answer, or without a question an explanation; None where there is none that can be believed.

        ``naming`` has to occur in it.
        """
        try:
            async with asyncio.timeout(self.within_s):
                said = await self._asked(question or EXPLAIN[language], facts, language)
        except (TimeoutError, OSError, aiohttp.ClientError, ValueError, LookupError, TypeError) as error:
            log.info("The language model gave no answer (%s); the plain one is given", type(error).__name__)
            return None
        if not 0 < len(said) <= LONGEST_ANSWER or not grounded(said, facts) or not all(one in said for one in naming):
            log.info("The language model said what the facts do not hold; the plain answer is given")
            return None
        return said

    async def _asked(self, question: str, facts: str, language: Language) -> str:
        body = {
            "model": self.model,
            "temperature": 0,
            "messages": [
                {"role": "system", "content": f"{TASK[language]}\n\n{facts}"},
                {"role": "user", "content": question},
            ],
        }
        headers = {} if self.key_file is None else {"Authorization": f"Bearer {self._key()}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(f"{self.base_url.rstrip('/')}/chat/completions", json=body) as response,
        ):
            response.raise_for_status()
            found = json.loads(await response.content.read(LONGEST_REPLY))
            said = found["choices"][0]["message"]["content"]
            if not isinstance(said, str):
                raise TypeError("its answer is no text")
            return said.strip()

    def _key(self) -> str:
        assert self.key_file is not None
        return self.key_file.read_text().strip()
