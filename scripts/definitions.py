"""The plugins as Meltano knows them, made from what each says of itself.

`definition` is for `meltano add --from-ref` and for the Hub, `project_file` for this repository,
`include_file` for a project that holds this repository, `small_project` for each plugin's folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from about import about, kinds, required_settings, settings, summary, url

MADE = "Made by `make docs`."
VARIANT = "recurly-to-klaviyo"
AUDIT = "--full-refresh --no-state-update"
PROJECT = "${MELTANO_PROJECT_ROOT}"

CHECK = {
    "check": {
        "args": "--config ENV --check",
        "description": "Say in one line what the key opens, or in one sentence what is wrong.",
    }
}

SAMPLES = {
    "samples": {
        "args": "--config ENV --samples",
        "description": "Send a sample of each metric to the profile of --email, to build flows on.",
    }
}

LABELS = {"api": "API", "url": "URL", "id": "ID"}
"""Words of a setting's name that are not written as other words."""

OPTION_LABELS = {"us": "United States", "eu": "European Union"}

KINDS = {"integer", "boolean", "object", "array", "string"}
"""Kinds of setting that Meltano shares with JSON. It cannot pass on the decimals that its own kind
for numbers makes, so a setting with a number that may be a fraction has no kind, nor has one that
takes several."""


@dataclass(frozen=True)
class Plugin:
    """What a definition holds beyond what the plugin says of itself."""

    command: str
    kind: str
    label: str
    domain: str
    packages: tuple[str, ...]
    keywords: tuple[str, ...]
    next_steps: str
    usage: str
    logo: str | None = None


PLUGINS = {
    plugin.command: plugin
    for plugin in (
        Plugin(
            command="tap-recurly",
            kind="extractors",
            label="Recurly",
            domain="https://recurly.com",
            packages=("tap-recurly",),
            keywords=("api", "billing", "subscriptions", "meltano_sdk"),
            logo="/assets/logos/extractors/recurly.png",
            next_steps="""\
1. Choose what to read. What Klaviyo needs:

   ```
   meltano select tap-recurly invoices '*'
   meltano select tap-recurly transactions '*'
   meltano select tap-recurly account_snapshots '*'
   ```

2. `meltano invoke tap-recurly:check` says in one line what the key opens.
""",
            usage="""\
Without a selection Meltano reads every stream. Some cost a request for each account or invoice;
the plugin's README lists all streams and what each costs.
""",
        ),
        Plugin(
            command="recurly-to-klaviyo",
            kind="mappers",
            label="Recurly to Klaviyo",
            domain="https://recurly.com",
            packages=("transform",),
            keywords=("recurly", "klaviyo", "meltano_sdk"),
            next_steps="""\
Give the plugin a mapping in `meltano.yml`, whose name is what `meltano run` takes:

```yaml
  mappers:
  - name: recurly-mapper
    mappings:
    - name: recurly-to-klaviyo
      config: {}
```
""",
            usage="""\
`meltano run tap-recurly recurly-to-klaviyo target-jsonl` sends Klaviyo's rows to any target.
""",
        ),
        Plugin(
            command="target-klaviyo",
            kind="loaders",
            label="Klaviyo",
            domain="https://www.klaviyo.com",
            packages=("transform", "target-klaviyo[audit]"),
            keywords=("api", "marketing", "reverse etl", "meltano_sdk"),
            next_steps="""\
1. For records of `tap-recurly`: `meltano config set target-klaviyo transform recurly`. Any other
   tap gets there by stream maps.
2. `meltano invoke target-klaviyo:check` says in one line what the key may do.
""",
            usage="""\
What is older than `live_window_days` is recorded without triggering flows. The plugin's README has
the two kinds of rows, the audit, and what becomes of rows that Klaviyo would refuse.
""",
        ),
    )
}
"""By command."""

SELECT = ["invoices.*", "transactions.*", "account_snapshots.*"]
"""What the metrics and the profile properties need, and nothing else."""


def definition(command: str) -> str:
    """The plugin's definition by the Hub's schema, installed from git."""
    plugin = PLUGINS[command]
    repository = url(command, "Repository")
    required = required_settings(command)
    hub = {
        **_header(plugin),
        "variant": VARIANT,
        "domain_url": plugin.domain,
        "repo": repository,
        "docs": url(command, "Documentation"),
        "pip_url": " ".join(_from_git(package, repository) for package in plugin.packages),
        "keywords": [*plugin.keywords],
        "maintenance_status": "beta",
        "supported_python_versions": about(command)["supported_python_versions"],
        **_interface(plugin),
        **({"logo_url": plugin.logo} if plugin.logo else {}),
        "next_steps": plugin.next_steps,
        "usage": plugin.usage,
        **({"settings_group_validation": [required]} if required else {}),
        "settings": _settings(command),
    }
    return f"# For `meltano add --from-ref` and the Hub. {MADE}\n{_yaml(hub)}"


MAPPING = {"name": "recurly-to-klaviyo", "config": {}}
MAPPER = "recurly-mapper"
"""The mapper's own name: `meltano run` takes the name of a mapping, which must be another."""


def project_file(text: str) -> str:
    """This repository's meltano.yml with its plugins made anew."""
    made = f"# plugins: {MADE}\n{_plugins('')}# end\n"
    return re.sub(r"# plugins: .*?\n# end\n", lambda _: made, text, flags=re.DOTALL)


def include_file() -> str:
    """The plugins and jobs for a project that holds this repository as `recurly-to-klaviyo`."""
    return f"{INCLUDE_HEAD}{_plugins('recurly-to-klaviyo/')}{_jobs()}"


INCLUDE_HEAD = f"""\
# The plugins and jobs of this repository for a Meltano project that holds it as the folder
# recurly-to-klaviyo. Copy this file beside your own meltano.yml, as recurly.meltano.yml, and
# include the copy: `meltano config set` and `meltano select` write into it. {MADE}
#
# Meltano takes one plugin of a name. Where your project has a tap-recurly or a target-klaviyo
# already, give that one another name first (`- name: tap-recurly-old`).
"""


def small_project(command: str) -> str:
    """A Meltano project of one plugin, in the plugin's own folder, to try it out."""
    plugin = PLUGINS[command]
    installed = _installed(plugin, ".[audit]" if plugin.kind == "loaders" else ".")
    plugins = {"extractors": [SMOKE_TAP], "loaders": [SMOKE_TARGET]}
    if plugin.kind == "mappers":
        installed["mappings"] = [MAPPING]
        tap = _installed(PLUGINS["tap-recurly"], "../tap-recurly")
        plugins["extractors"] = [tap | {"select": SELECT}]
    elif plugin.kind == "extractors":
        installed["select"] = SELECT
    project = {
        "project_id": command,
        "send_anonymous_usage_stats": False,
        "default_environment": "dev",
        "environments": [{"name": "dev"}],
        "plugins": plugins | {plugin.kind: [installed]},
    }
    return f"# {plugin.command} on its own, to try it out. {MADE}\n{_yaml(project)}"


SMOKE_TARGET = {
    "name": "target-jsonl",
    "namespace": "target_jsonl",
    "pip_url": "target-jsonl",
    "settings": [{"name": "destination_path"}],
}
SMOKE_TAP = {
    "name": "tap-csv-folder",
    "namespace": "tap_csv_folder",
    "pip_url": "tap-csv-folder==0.0.1a1",
    "capabilities": ["catalog", "discover", "state"],
    "settings": [
        {"name": "filesystem", "value": "local"},
        {"name": "path", "value": "."},
        {"name": "read_mode", "value": "one_stream_per_file"},
    ],
}


def _plugins(place: str) -> str:
    """All plugins, installed from the folders of this repository, which is at `place`."""
    installed = {
        command: _installed(plugin, *(f"{place}{package}" for package in plugin.packages))
        for command, plugin in PLUGINS.items()
    }
    plugins = {
        "extractors": [
            installed["tap-recurly"] | {"select": SELECT},
            # The same reader with a bookmark of its own, so that an audit never moves the main one.
            {"name": "tap-recurly-audit", "inherit_from": "tap-recurly"},
        ],
        "mappers": [installed["recurly-to-klaviyo"] | {"mappings": [MAPPING]}],
        "loaders": [
            installed["target-klaviyo"] | {"config": {"transform": "recurly"}},
            _mode("audit"),
            _mode("repair"),
        ],
    }
    return _yaml({"plugins": plugins})


def _mode(mode: str) -> dict[str, Any]:
    return {
        "name": f"target-klaviyo-{mode}",
        "inherit_from": "target-klaviyo",
        "config": {"mode": mode},
    }


def _jobs() -> str:
    """The jobs, named so that they meet none of the project's own."""
    tasks = {
        "sync": "tap-recurly target-klaviyo",
        "audit": "tap-recurly-audit target-klaviyo-audit",
        "repair": "tap-recurly-audit target-klaviyo-repair",
    }
    jobs = [{"name": f"recurly-klaviyo-{name}", "tasks": [task]} for name, task in tasks.items()]
    return f"# Audit and repair: meltano run {AUDIT} recurly-klaviyo-audit\n{_yaml({'jobs': jobs})}"


def _installed(plugin: Plugin, *folders: str) -> dict[str, Any]:
    """The plugin in a meltano.yml, installed from folders. A mapping has its own settings.

    Folders are named from the project's root, wherever in it `meltano` is called.
    """
    described = {} if plugin.kind == "mappers" else {"settings": _settings(plugin.command)}
    return {
        **_header(plugin),
        "pip_url": " ".join(f"-e '{PROJECT}/{folder}'" for folder in folders),
        **_interface(plugin),
        **described,
    }


def _header(plugin: Plugin) -> dict[str, Any]:
    return {
        "name": MAPPER if plugin.kind == "mappers" else plugin.command,
        "namespace": plugin.command.replace("-", "_"),
        "label": plugin.label,
        "description": summary(plugin.command),
    }


def _interface(plugin: Plugin) -> dict[str, Any]:
    """How Meltano calls the plugin, and what it can ask of it."""
    said = about(plugin.command)["capabilities"]
    interface: dict[str, Any] = {
        "executable": plugin.command,
        "capabilities": [each for each in said if each in KNOWN_CAPABILITIES[plugin.kind]],
    }
    if plugin.kind != "mappers":
        interface["commands"] = CHECK | (SAMPLES if plugin.kind == "loaders" else {})
    return interface


KNOWN_CAPABILITIES = {
    "extractors": {
        "about",
        "batch",
        "catalog",
        "discover",
        "schema-flattening",
        "state",
        "stream-maps",
        "structured-logging",
    },
    "mappers": {"about", "schema-flattening", "stream-maps", "structured-logging"},
    "loaders": {"about", "schema-flattening", "stream-maps", "structured-logging"},
}
"""Of what a plugin may say of itself, what Meltano makes use of."""


def _from_git(package: str, repository: str) -> str:
    folder, _, extra = package.partition("[")
    address = f"git+{repository}.git#subdirectory={folder}"
    return f"'{folder}[{extra} @ {address}'" if extra else address


def _settings(command: str) -> list[dict[str, Any]]:
    return [_setting(name, schema) for name, schema in settings(command).items()]


def _setting(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A setting as Meltano describes it, from its JSON Schema."""
    setting: dict[str, Any] = {"name": name, "label": schema.get("title") or _label(name)}
    if schema.get("secret"):
        setting |= {"kind": "password", "sensitive": True}
    elif options := [each for each in schema.get("enum", ()) if each is not None]:
        setting["kind"] = "options"
        setting["options"] = [
            {"label": OPTION_LABELS.get(each, _label(each)), "value": each} for each in options
        ]
    elif schema.get("format") in {"date", "date-time"}:
        setting["kind"] = "date_iso8601"
    elif len(kinds(schema) & KINDS) == len(kinds(schema)) == 1:
        (setting["kind"],) = kinds(schema)
    if schema.get("default") is not None:
        setting["value"] = schema["default"]
    setting["description"] = " ".join(schema["description"].split())
    return setting


def _label(name: str) -> str:
    first, *others = (LABELS.get(word, word) for word in name.split("_"))
    return " ".join([first if first.isupper() else first.capitalize(), *others])


def _yaml(value: dict[str, Any]) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are read, and nothing as a reference."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write what occurs twice twice."""
        del data
        return True


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_text)
