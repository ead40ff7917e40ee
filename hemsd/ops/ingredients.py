"""What an installed hemsd is made of: ``python -m hemsd.ops.ingredients`` prints a CycloneDX 1.6 bill of materials.

It is asked of the installation itself and not of a lock, so it is true on the machine where it is asked: a list to
hold against the advisories of the day, and the licences that come along. Optional parts (extras) and what only builds
or tests hemsd are not in it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import hemsd

ROOT = "hemsd"
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_CLASSIFIER = "License :: "


@dataclass(frozen=True, slots=True)
class Part:
    """One package that the program needs."""

    name: str
    version: str
    licence: str
    """An SPDX expression where the package gives one, else its own words; empty when it says nothing"""
    needs: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its address in the words of package-url/purl-spec."""
        return f"pkg:pypi/{self.name}@{self.version}"


def normal(name: str) -> str:
    """A name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parts(root: str = ROOT) -> tuple[Part, ...]:
    """Everything that ``root`` needs here, itself aside, by name."""
    found: dict[str, Part] = {}
    waiting = list(_needs(distribution(root)))
    while waiting:
        name = waiting.pop()
        if name not in found:
            package = distribution(name)
            found[name] = Part(name, package.version, _licence(package), _needs(package))
            waiting += found[name].needs
    return tuple(found[name] for name in sorted(found))


def _needs(package: Distribution) -> tuple[str, ...]:
    """What a marker rules out on this machine is not installed, and so is not needed."""
    wanted = [text for text in package.requires or () if "extra ==" not in text]
    names = {normal(match[0]) for text in wanted if (match := _NAME.match(text))}
    return tuple(sorted(name for name in names if _installed(name)))


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _licence(package: Distribution) -> str:
    """PEP 639's expression, or the classifiers, or the old free text where it is short enough to be a name."""
    said = package.metadata
    if "License-Expression" in said:
        return said["License-Expression"]
    classifiers = [line for line in said.get_all("Classifier") or () if line.startswith(_CLASSIFIER)]
    if classifiers:
        return " OR ".join(line.rpartition(" :: ")[2] for line in classifiers)
    text = (said.get_all("License") or [""])[0]
    return text if len(text) < 60 else ""


def bill(found: Sequence[Part]) -> Mapping[str, object]:
    """As CycloneDX 1.6 (ECMA-424) writes it."""
    own = f"pkg:generic/{ROOT}@{hemsd.__version__}"
    refs = {part.name: part.purl for part in found}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": own, "name": ROOT, "version": hemsd.__version__},
        },
        "components": [
            {
                "type": "library",
                "bom-ref": part.purl,
                "name": part.name,
                "version": part.version,
                "purl": part.purl,
                "licenses": [{"license": {"name": part.licence or "unknown"}}],
            }
            for part in found
        ],
        "dependencies": [
            {"ref": own, "dependsOn": [refs[name] for name in _needs(distribution(ROOT))]},
            *({"ref": part.purl, "dependsOn": [refs[name] for name in part.needs]} for part in found),
        ],
    }


if __name__ == "__main__":
    json.dump(bill(parts()), sys.stdout, indent=2)
    print()
