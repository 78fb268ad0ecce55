"""revops.toml: defaults, mistakes named with line and remedy, what the environment may say."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from revops_pipelines.engine.plugin_tables import ConfigurationError
from revops_pipelines.installation import plugin_kinds
from revops_pipelines.resources.systems import systems_of
from revops_pipelines.settings import Settings, load_settings
from revops_pipelines.settings_tables import Document

KINDS = plugin_kinds()
ROOT = Path(__file__).parents[2]


def load(tmp_path: Path, text: str, **environment: str) -> Settings:
    (tmp_path / "revops.toml").write_text(text, encoding="utf-8")
    return load_settings(environment, tmp_path, KINDS)


def test_no_file_means_defaults(tmp_path):
    settings = load_settings({}, tmp_path, KINDS)
    assert settings.path is None
    assert settings.home == tmp_path / ".revops"
    assert settings.company.base_currency == "USD"
    assert settings.sources == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[company]\nbase_curency = "EUR"', r"revops.toml:2: .*base_curency.*'base_currency'"),
        ('\n[compony]\nname = "A"', r"revops.toml:2: unknown key compony; .*'company'"),
        ('[company]\ntime_zone = "Europe/Berlim"', r":2: .*'Europe/Berlin'"),
        ('[response]\nclock = "busines"', r":2: .*'business'"),
        ("[response]\ntarget_minutes = 0", r":2: response.target_minutes = 0"),
        ("[sources.hubspt]", r":1: unknown kind 'hubspt'.*'hubspot'"),
        ("[sources.hubspot]\npage_record = 5", r":2: .*page_record.*'page_records'"),
        ("[rules.churn_threshold]\nenabeld = true", r":2: .*'enabled'"),
        ("[company\n", r"not valid TOML"),
        ("sources = 3", r"sources"),
        ("[sources.us-east]\nkind = 'stripe'", r":1: .*us-east.*single underscores"),
        (
            "[sources.stripe]\nschedule = 'hourly'",
            r":2: sources.stripe.schedule = 'hourly': .*cron",
        ),
        ("[sources.a__b]\nkind = 'stripe'", r":1: .*a__b.*single underscores"),
        (
            "[sources.stripe]\n[sources.eu]\nkind = 'stripe'",
            r':2: .*same account as \[sources.stripe\]; .*api_key_env = "..."',
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_remedy(tmp_path, text, said):
    with pytest.raises(ConfigurationError) as wrong:
        load(tmp_path, text)
    assert re.search(said, str(wrong.value)), str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_the_environment_names_file_and_home(tmp_path):
    other = tmp_path / "other.toml"
    other.write_text('[company]\nname = "Elsewhere"', encoding="utf-8")
    settings = load(tmp_path, "", REVOPS_CONFIG=str(other), REVOPS_HOME=str(tmp_path / "state"))
    assert settings.company.name == "Elsewhere"
    assert settings.home == tmp_path / "state"


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match="REVOPS_CONFIG names"):
        load_settings({"REVOPS_CONFIG": str(tmp_path / "no.toml")}, tmp_path, KINDS)


def test_credentials_alone_connect_a_source(tmp_path):
    settings = load(tmp_path, "", HUBSPOT_ACCESS_TOKEN="x", MARKETO_CLIENT_ID="y")
    assert list(settings.sources) == ["hubspot"]


def test_a_configured_source_keeps_the_others_out(tmp_path):
    settings = load(tmp_path, "[sources.stripe]", HUBSPOT_ACCESS_TOKEN="x")
    assert list(settings.sources) == ["stripe"]


def test_a_source_may_bear_another_name_and_secret(tmp_path):
    text = '[sources.us]\nkind = "stripe"\napi_key_env = "US_KEY"'
    table = load(tmp_path, text).sources["us"]
    assert (table.kind, dict(table.secrets)) == ("stripe", {"api_key": "US_KEY"})


def test_two_accounts_of_one_kind_keep_apart(tmp_path):
    text = '[sources.us]\nkind = "stripe"\n[sources.eu]\nkind = "stripe"\napi_key_env = "EU"'
    systems = systems_of(load(tmp_path, text))
    assert [(system.name, system.source.name) for system in systems] == [
        ("us", "stripe"),
        ("eu", "stripe"),
    ]
    assert systems.areas == (("us", "billing"), ("eu", "billing"))
    assert {offer.source for offer in systems.offers} == {"us", "eu"}


def test_precedence_is_read(tmp_path):
    text = '[precedence.accounts]\norder = ["eu"]\nfields = { industry = ["us"] }'
    accounts = load(tmp_path, text).precedence["accounts"]
    assert (accounts.order, accounts.fields) == (("eu",), {"industry": ("us",)})
    with pytest.raises(ConfigurationError, match=r":2: unknown key precedence.accounts.ordr"):
        load(tmp_path, '[precedence.accounts]\nordr = ["eu"]')


def test_the_simulated_company_gives_way_to_a_source_and_to_the_file(tmp_path):
    simulated = {"company": {"name": "Sim", "internal_domains": ["sim.example"]}}
    (tmp_path / "revops.toml").write_text('[company]\nname = "Mine"', encoding="utf-8")
    settings = load_settings({}, tmp_path, KINDS, simulated)
    assert settings.company.name == "Mine"
    assert settings.company.internal_domains == ("sim.example",)
    connected = load_settings({"STRIPE_API_KEY": "x"}, tmp_path, KINDS, simulated)
    assert connected.company.internal_domains == ()


def test_the_simulated_company_runs_what_it_is_told_to(tmp_path):
    systems = systems_of(load(tmp_path, '[sandbox]\nsystems = ["hubspot", "stripe"]'))
    assert [system.name for system in systems] == ["hubspot", "stripe", "sheets"]
    assert systems.sandbox
    with pytest.raises(ConfigurationError, match=r"revops.toml:2: .*'hubspt'.*'hubspot'\?"):
        load(tmp_path, '[sandbox]\nsystems = ["hubspt"]')
    with pytest.raises(ConfigurationError, match="'files' is not simulated"):
        load(tmp_path, '[sandbox]\nsystems = ["files"]')


def test_settings_cannot_be_changed(tmp_path):
    settings = load(tmp_path, "")
    with pytest.raises(AttributeError):
        settings.home = tmp_path  # type: ignore[misc]


def test_targets_are_exact(tmp_path):
    settings = load(tmp_path, "[targets]\nnet_revenue_retention = 1.02")
    assert settings.targets["net_revenue_retention"] == Decimal("1.02")


def test_the_shipped_file_shows_every_default():
    from revops_pipelines.commands.config import template

    assert (ROOT / "revops.toml").read_text(encoding="utf-8") == template()


def test_the_shipped_schema_is_the_settings_own():
    import json

    from revops_pipelines.commands.config import SCHEMA_FILE, schema

    assert json.loads((ROOT / SCHEMA_FILE).read_text(encoding="utf-8")) == schema()


def uncommented(text: str) -> str:
    """The shipped file with every key that has a default switched on."""
    lines = []
    for line in text.splitlines():
        key = re.match(r"# ([a-z_]+ = .+|\[[a-z0-9_.]+\])$", line)
        if not line.startswith("#"):
            lines.append(line)
        elif key and "<not set>" not in line:
            lines.append(key[1])
    return "\n".join(lines)


def test_the_shipped_file_means_the_defaults(tmp_path):
    shipped = (ROOT / "revops.toml").read_text(encoding="utf-8")
    # Two tables cannot stand uncommented as they are: a folder that only the reader knows, and an
    # example target.
    every = uncommented(shipped).replace("[sources.files]", '[sources.files]\npath = "."')
    every = every.replace("net_revenue_retention = 1.02", "")
    switched_on, plain = load(tmp_path, every), load(tmp_path, shipped)
    for table in Document.model_fields:
        assert getattr(switched_on, table) == getattr(plain, table), table
    for section, kinds in KINDS.items():
        tables = getattr(switched_on, section)
        assert set(tables) == set(kinds), section
        for name, table in tables.items():
            own = {"path": table.options.path} if name == "files" else {}
            assert table.options == kinds[name].options(**own), f"{section}.{name}"
            assert dict(table.secrets) == dict(kinds[name].secrets)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("[sources.stripe]", 30),
        ("[billing]\npast_due_days = 45\n[sources.stripe]", 45),
        ("[billing]\npast_due_days = 45\n[sources.stripe]\npast_due_days = 7", 7),
    ],
)
def test_an_option_that_is_not_set_follows_the_company(tmp_path, text, days):
    [stripe] = systems_of(load(tmp_path, text))
    assert stripe.options.past_due_days == days
