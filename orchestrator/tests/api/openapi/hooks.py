"""What a made-up request needs to get beyond the door: names of what exists, a key of its own, an end.

Nothing here may change what a request is wrong in: schemathesis judges it again after it was changed.
"""

import itertools
import json
import os
import random
from urllib.request import Request, urlopen

import schemathesis
from schemathesis.core.parameters import ParameterLocation

# Nothing listens there: a repository's address would be asked by the server.
NOWHERE = "http://127.0.0.1:9/charts"
KNOWN = {
    "slices": ["factory-7"],
    "clusters": ["edge", "cloud"],
    "tenants": ["default"],
    "repositories": ["lab"],
    "charts": ["mqtt-server", "mqtt-gateway"],
}
LIVE = ["gateways", "servers", "functions", "devices", "operations", "tokens"]

chance = random.Random(7300)
numbers = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    negative = lambda place: case.meta is not None and case.meta.is_negative_at(place)
    if not negative(ParameterLocation.QUERY):
        ended(case.query)
    if not negative(ParameterLocation.HEADER):
        heads(case.headers)
    if not negative(ParameterLocation.PATH):
        existing(case)
    spared(case)
    home(case.body)
    if not negative(ParameterLocation.BODY) and chance.random() < 0.7:
        possible(case)


def spared(case):
    """Without its own token and tenant the rest of the round would be 401."""
    own = {"/api/v1/tokens/{id}": ("id", OWN), "/api/v1/tenants/{name}": ("name", "default")}
    key, value = own.get(case.path, ("", ""))
    if case.method.upper() == "DELETE" and (case.path_parameters or {}).get(key) == value:
        case.path_parameters[key] = "nobody"


def ended(query):
    """A watch has no end; watching has tests of its own."""
    if query and str(query.get("watch", "false")).lower() != "false":
        query.pop("watch")
        query.pop("revision", None)


def heads(headers):
    if headers.get("Sliceway-Tenant") and chance.random() < 0.8:
        headers["Sliceway-Tenant"] = "default"
    if headers.get("Idempotency-Key") and chance.random() < 0.8:
        headers["Idempotency-Key"] = f"key-{next(numbers)}"
    for condition in ("If-Match", "If-None-Match"):
        if headers.get(condition) and chance.random() < 0.7:
            headers.pop(condition)


def existing(case):
    """Most requests are about something that there is; little of it is deleted."""
    parts = case.path.split("/")
    noun = parts[3].split(":")[0] if len(parts) > 3 else ""
    rarely = case.method.upper() == "DELETE" or case.path.endswith(":hand-back")
    if not case.path_parameters or chance.random() > (0.1 if rarely else 0.7):
        return
    names = KNOWN.get(noun) or known(noun)
    if not names:
        return
    for key in case.path_parameters:
        case.path_parameters[key] = "lab" if key == "repository" else chance.choice(names)


def asked(path):
    request = Request(f"{os.environ['SLICEWAY_SERVER']}/api/v1/{path}")
    request.add_header("Authorization", f"Bearer {os.environ['SLICEWAY_TOKEN']}")
    with urlopen(request, timeout=30) as answer:
        return json.load(answer)


def known(noun):
    if noun not in LIVE:
        return []
    items = asked(f"{noun}?limit=500")["items"]
    key = "id" if noun in ("operations", "tokens") else "name"
    return [item[key] for item in items]


def possible(case):
    """A slice on clusters and of charts that there are; a cluster that can be reached."""
    spec = case.body.get("spec") if isinstance(case.body, dict) else None
    if not isinstance(spec, dict):
        return
    if case.path.startswith("/api/v1/slices"):
        values = next((f.get("values", {}) for f in spec.get("functions", []) if isinstance(f, dict)), {})
        for role in ("servers", "gateways", "functions", "devices", "access"):
            spec.pop(role, None)
        chart = {"repository": "lab", "name": "mqtt-server"}
        spec["sites"] = {"plant": {"cluster": chance.choice(["edge", "cloud"])}}
        spec["functions"] = [{"name": "store", "site": "plant", "chart": chart, "values": values}]
    elif case.path.startswith("/api/v1/clusters") and not case.body.get("kubeconfig"):
        spec.setdefault("sim", {})


OWN = asked("whoami")["token"]


def home(body):
    spec = body.get("spec") if isinstance(body, dict) else None
    if isinstance(spec, dict) and "://" in str(spec.get("url", "")):
        spec["url"] = NOWHERE
