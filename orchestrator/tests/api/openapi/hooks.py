"""Keeps the made-up requests on this machine, and lets every one of them end."""

import schemathesis

# Nothing listens there.
NOWHERE = "http://127.0.0.1:9/charts"


@schemathesis.hook
def map_body(context, body):
    """A repository's address would be asked by the server."""
    if isinstance(body, dict) and isinstance(body.get("spec"), dict):
        url = body["spec"].get("url")
        if isinstance(url, str) and "://" in url:
            body["spec"]["url"] = NOWHERE
    return body


@schemathesis.hook
def filter_query(context, query):
    """A watch has no end; watching has tests of its own."""
    watch = (query or {}).get("watch")
    return watch in (None, False, "false")


@schemathesis.hook
def filter_case(context, case):
    """Without its token and its tenant the rest of the round would be 401."""
    if case.method.upper() != "DELETE":
        return True
    return case.path not in ("/api/v1/tokens/{id}",) or case.meta is None or not is_known(case)


def is_known(case):
    """A token's id has eight characters of base64."""
    value = str((case.path_parameters or {}).get("id", ""))
    return len(value) == 8
