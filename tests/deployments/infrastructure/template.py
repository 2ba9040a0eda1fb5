"""Terraform's templates, as far as host.yaml.tftpl uses them."""

import re


def rendered(file, *, pools, server):
    text = file.read_text()
    values = {
        "repository": "europe-docker.pkg.dev/p/rfm",
        "project": "p",
        "region": "europe-west1",
    }
    text = _chosen(text, server)
    text = _repeated(text, "name, value in settings", [{"name": "MESSENGER_KIND", "value": "pubsub"}])
    server_secret = {"name": "PREFECT_SERVER_API_AUTH_STRING", "secret": "prefect-auth"}
    text = _repeated(text, "name, secret in secrets.server", [server_secret])
    text = _repeated(text, "name, secret in secrets.worker", [{"name": "RUNS_URL", "secret": "register-url"}])
    text = _repeated(text, "pool in pools", [{"pool": pool} for pool in pools])
    return _filled(text, values).replace("$${", "${").replace("%%{", "%{")


def _chosen(text, server):
    condition = r"^%\{ if server ~\}\n(.*?)^%\{ endif ~\}\n"
    return re.sub(condition, lambda found: found[1] if server else "", text, flags=re.M | re.S)


def _repeated(text, each, rows):
    loop = rf"^%\{{ for {re.escape(each)} ~\}}\n(.*?)^%\{{ endfor ~\}}\n"
    return re.sub(loop, lambda found: "".join(_filled(found[1], row) for row in rows), text, flags=re.M | re.S)


def _filled(text, values):
    for name, value in values.items():
        text = re.sub(rf"(?<!\$)\$\{{{name}\}}", value, text)
    return text
