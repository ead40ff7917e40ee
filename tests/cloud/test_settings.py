"""What `hemsd check` says about the cloud section."""

from __future__ import annotations

from pathlib import Path

import pytest

from hemsd.config import ConfigError, load

SIGNED = "url: https://cloud.example/, token_file: config.yaml"
HOOK = "url: https://cloud.example/hook, events: ['flex:session:updated']"
MISTAKES = {
    "a place that means nothing": (
        f"summaries: {{{SIGNED}, paths: {{flex: 'x/{{visit}}'}}}}",
        'cloud.summaries.paths.flex: "{visit}" stands for nothing',
    ),
    "a hook without a secret": (f"webhooks: [{{{HOOK}}}]", "cloud.webhooks.0: has nothing to sign its calls with"),
    "an event that does not exist": (
        "webhooks: [{url: https://cloud.example/, secret_file: config.yaml, events: ['flex:sesion']}]",
        "cloud.webhooks.0.events.0",
    ),
    "an open line to a fleet": (
        "telemetry: {host: fleet.example, tls: false}",
        "cloud.telemetry.tls: an unencrypted line to fleet.example",
    ),
    "a token address in the open": (
        "analysis: {url: https://a.example/, client_id: a, client_secret: b, token_url: 'http://a.example/t'}",
        "cloud.analysis.token_url: http to a.example",
    ),
    "two ways to sign in": (
        f"analysis: {{{SIGNED}, client_id: a, client_secret: b}}",
        "cloud.analysis: has two ways to sign in",
    ),
    "an analysis without its values": (
        f"analysis: {{{SIGNED}, leave_out: [meter_values.value]}}",
        "an analysis can't do without meter_values.value",
    ),
}


@pytest.mark.parametrize(("section", "complaint"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named(tmp_path: Path, section: str, complaint: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"cloud:\n  {section}\n")
    with pytest.raises(ConfigError) as refused:
        load(file, {})
    assert [str(problem) for problem in refused.value.problems if complaint in str(problem)]
    assert len(refused.value.problems) == 1


def test_the_example_of_the_documentation_works_as_it_stands(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "cloud.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    for name in ("cloud-secret", "cloud-token", "hook-secret", "fleet-password"):
        (tmp_path / name).write_text("x")
    (tmp_path / "config.yaml").write_text(text)
    cloud = load(tmp_path / "config.yaml", {}).cloud
    assert cloud.analysis is not None
    assert cloud.summaries is not None
    assert cloud.telemetry is not None
    assert len(cloud.webhooks) == 1


def test_a_secret_is_not_in_what_python_prints_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text('cloud:\n  analysis: {url: "https://a.example/", token: "${CLOUD_TOKEN}"}\n')
    config = load(file, {"CLOUD_TOKEN": "s3cret"})
    assert "s3cret" not in repr(config)
    assert config.cloud.analysis is not None
    assert config.cloud.analysis.token_secret() == "s3cret"
