"""The OpenAPI document: it holds every route, its schemas are sound, and its examples are what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hemsd.cli import main
from tests.dialects.home import FORMATS, played
from web.openapi import answers_of
from web.routes import ROUTE, Scope


@pytest.fixture
def document(capsys: pytest.CaptureFixture[str]) -> Any:
    assert main(["openapi"]) == 0
    return json.loads(capsys.readouterr().out)


async def test_every_route_of_the_application_is_described(tmp_path: Path, document: Any) -> None:
    async with played(tmp_path) as home:
        served = await home.get("/openapi.json")
        assert home.client.app is not None
        for (method, path), route in home.client.app[ROUTE].items():
            operation = served["paths"][path][method.lower()]
            assert operation["summary"]
            assert set(operation["responses"]) == {str(status) for status in answers_of(route)}
            assert (operation["security"] == []) == (route.scope is Scope.OPEN)
            for name in re.findall(r"{(\w+)}", path):
                assert any(each["name"] == name for each in operation["parameters"])
        assert set(served["paths"]) <= set(document["paths"])


@pytest.mark.slow
def test_it_is_openapi_3_1_and_every_reference_leads_somewhere(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references <= set(schemas)
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    ids = [call["operationId"] for calls in document["paths"].values() for call in calls.values()]
    assert len(ids) == len(set(ids))


def test_the_examples_are_valid_by_their_own_schemas(document: Any) -> None:
    schemas = document["components"]["schemas"]
    shown = 0
    for name, schema in schemas.items():
        whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        for example in schema.get("examples", []):
            Draft202012Validator(whole, format_checker=FORMATS).validate(example)
            shown += 1
    assert shown >= 10


def test_the_seven_flex_examples_are_in_it(document: Any) -> None:
    states = [example["state"] for example in document["components"]["schemas"]["FlexSession"]["examples"]]
    assert states == [
        "UPCOMING", "ACTIVE:REGULAR", "SETTLED", "UPCOMING", "UPCOMING", "ACTIVE:REGULAR", "SETTLED",
    ]  # fmt: skip
