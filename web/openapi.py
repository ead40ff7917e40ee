"""The OpenAPI document, made from the table of routes and the pydantic models, so that it can't say anything else.

Version 3.1, whose schemas are JSON Schema 2020-12. Examples stand in the models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema

from hemsd.field_docs import Described
from web.models import Problem
from web.problems import PROBLEM_JSON, DetailPage, ProblemPage
from web.routes import Query, Route, Scope, Shape

REFERENCE = "#/components/schemas/{model}"
TAGS = {
    Scope.OPEN: "open to everybody",
    Scope.LOCAL: "the page's own",
    Scope.FLEX: "flex sessions",
    Scope.ANALYSIS: "analysis",
    Scope.PARTNER: "partner sessions",
}
REFUSALS: Mapping[Scope, type[BaseModel]] = {Scope.FLEX: ProblemPage, Scope.LOCAL: Problem}
OTHER_TYPES = {"text/csv": {"type": "string"}}

Mode = Literal["validation", "serialization"]
Json = dict[str, Any]
Answers = Mapping[int, type[BaseModel] | None]
ANY_TEXT: Shape = {"type": "string"}
References = Mapping[tuple[type[BaseModel], Mode], Json]


def document(routes: Iterable[Route], version: str) -> Json:
    """The whole of it, as JSON can hold it."""
    routes = list(routes)
    answers = {page for route in routes for page in answers_of(route).values() if page is not None}
    bodies = {route.body for route in routes if route.body is not None}
    wanted: list[tuple[type[BaseModel], Mode]] = [
        *((page, "serialization") for page in sorted(answers, key=_name)),
        *((body, "validation") for body in sorted(bodies - answers, key=_name)),
    ]
    references, definitions = models_json_schema(wanted, ref_template=REFERENCE, schema_generator=Described)
    schemas = {(model, mode): schema for (model, mode), schema in references.items() if issubclass(model, BaseModel)}
    paths: Json = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hemsd",
            "version": version,
            "description": "Charges cars from the sun, and proves that the wallbox obeyed.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": tag} for tag in TAGS.values()],
        "paths": paths,
        "components": {"schemas": definitions.get("$defs", {}), "securitySchemes": _security()},
    }


def answers_of(route: Route) -> Answers:
    """Its own answers, and those of the doors that every call comes through: who asks, and how what is sent comes."""
    behind_a_door = (401, 403) if route.scope is not Scope.OPEN else ()
    with_a_body = (408, 413, 415) if route.body is not None else ()
    doors: Answers = dict.fromkeys((*behind_a_door, *with_a_body), REFUSALS.get(route.scope, DetailPage))
    return dict(sorted({**doors, **route.answers}.items()))


def _name(model: type[BaseModel]) -> str:
    return model.__name__


def _security() -> Json:
    scopes = {scope.value: TAGS[scope] for scope in Scope if scope is not Scope.OPEN}
    return {
        "token": {
            "type": "oauth2",
            "flows": {
                "clientCredentials": {"tokenUrl": "/oauth2/token", "scopes": scopes},
                "password": {"tokenUrl": "/oauth2/token", "scopes": scopes},
            },
        },
        "cookie": {"type": "apiKey", "in": "cookie", "name": "hemsd"},
    }


def _operation(route: Route, references: References) -> Json:
    operation: Json = {
        "operationId": _operation_id(route),
        "summary": route.about,
        "tags": [TAGS[route.scope]],
        "responses": {
            str(status): _response(route, status, page, references) for status, page in answers_of(route).items()
        },
    }
    parameters = [_path_parameter(name, route.params) for name in re.findall(r"{(\w+)}", route.path)]
    parameters += [_query_parameter(query) for query in route.query]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = _body(route, references)
    match route.scope:
        case Scope.OPEN:
            operation["security"] = []
        case Scope.LOCAL:
            operation["security"] = [{}, {"cookie": []}, {"token": [route.scope.value]}]
        case _:
            operation["security"] = [{"token": [route.scope.value]}]
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(r"[A-Za-z0-9]+", route.path)
    slash = "_" if route.path.endswith("/") else ""
    return "_".join([route.method.lower(), *words]) + slash


def _response(route: Route, status: int, page: type[BaseModel] | None, references: References) -> Json:
    response: Json = {"description": HTTPStatus(status).phrase}
    if page is not None:
        produces = PROBLEM_JSON if page is ProblemPage else route.produces if status == 200 else "application/json"
        response["content"] = {produces: {"schema": _schema(page, "serialization", references)}}
    elif status == 200 and route.produces in OTHER_TYPES:
        response["content"] = {route.produces: {"schema": OTHER_TYPES[route.produces]}}
    return response


def _body(route: Route, references: References) -> Json:
    assert route.body is not None
    schema = _schema(route.body, "validation", references)
    content: Json = {"application/json": {"schema": schema}}
    if route.body.__name__ == "TokenBody":
        content = {"application/x-www-form-urlencoded": {"schema": schema}, **content}
    return {"required": not _may_be_empty(route.body), "content": content}


def _may_be_empty(body: type[BaseModel]) -> bool:
    try:
        body.model_validate({})
    except ValidationError:
        return False
    return True


def _schema(model: type[BaseModel], mode: Mode, references: References) -> Json:
    found = references.get((model, mode)) or references[(model, "serialization")]
    return found


def _path_parameter(name: str, shapes: Mapping[str, Shape]) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": dict(shapes.get(name, ANY_TEXT))}


def _query_parameter(query: Query) -> Json:
    return {
        "name": query.name,
        "in": "query",
        "description": query.about,
        "required": query.required,
        "schema": dict(query.schema),
    }
