"""What Terraform makes is what the code uses: names, settings, limits."""

import re
import shutil

import pytest
import yaml
from dotenv import dotenv_values

from deployments.cloud.environment import environment_file, read_environment
from deployments.cloud.pools import pools_of
from deployments.images.dockerfile import read_targets
from deployments.infrastructure import layout, references
from deployments.infrastructure.configuration import FOLDER, read
from deployments.registration.prefect_file import full_name, read_deployments
from messenger.pubsub_resources import (
    DEAD_LETTERS,
    DEAD_LETTERS_KEPT,
    TOPICS,
    Resources,
)
from pipelines import is_used
from settings import Settings
from tests.deployments.infrastructure.template import rendered

CONFIGURATION = read()
RESOURCES = Resources(project="p", prefix="rfm-", lease=30, max_deliveries=5)
OF_OTHERS = {
    "FORWARDED_ALLOW_IPS": "uvicorn's",
    "PREFECT_UI_URL": "Prefect's",
    "PREFECT_API_DATABASE_CONNECTION_URL": "the Prefect server's",
    "PREFECT_SERVER_API_AUTH_STRING": "the Prefect server's",
    **dict.fromkeys(
        ("WAREHOUSE_KIND", "WAREHOUSE_PROJECT", "WAREHOUSE_DATASET", "WAREHOUSE_LOCATION", "SOURCE_TABLE"),
        "the BigQuery warehouse's",
    ),
}


def local(name):
    return next(block.body["value"] for block in CONFIGURATION.of("local") if block.labels[1] == name)


def resource(kind, name):
    return next(block.body for block in CONFIGURATION.of("resource") if block.labels == (kind, name))


def seconds(text):
    return int(text.removesuffix("s"))


def setting_names():
    return {
        f"{group.upper()}_{name.upper()}"
        for group, field in Settings.model_fields.items()
        for name in type(field.default).model_fields
    }


def test_every_reference_leads_somewhere_and_everything_is_used():
    assert references.problems(CONFIGURATION) == []


BROKEN = {
    "refers to google_pubsub_topic.off": ("google_pubsub_topic.of[each.value]", "google_pubsub_topic.off[each.value]"),
    "refers to local.topic,": ("local.topics", "local.topic"),
    "local prefix is declared and never used": ("local.prefix", "var.prefect"),
    "keys that are known only after": ("for_each = local.topics", "for_each = toset([google_pubsub_topic.x.id])"),
    "variable region is declared and never used": ("var.region", "var.project"),
    "dev.tfvars: sets image_tag, which would be wrong": ('environment = "dev"', 'environment = "dev"\nimage_tag = "a"'),
}


@pytest.mark.parametrize("said", BROKEN)
def test_what_is_broken_is_said(tmp_path, said):
    right, wrong = BROKEN[said]
    shutil.copytree(FOLDER, tmp_path / "terraform")
    for file in (tmp_path / "terraform").rglob("*.tf*"):
        file.write_text(file.read_text().replace(right, wrong))

    assert said in "\n".join(references.problems(read(tmp_path / "terraform")))


def test_the_files_are_laid_out_as_terraform_does():
    assert layout.problems(FOLDER) == []


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("  name ", "    name ", "is indented by 4 instead of 2"),
        ('"a"\n', '"a" \n', "2: ends in spaces"),
        ("name    =", "name =", "2: the equal sign is not in column 11"),
    ],
)
def test_a_file_that_terraform_would_lay_out_otherwise_is_said(tmp_path, right, wrong, told):
    text = 'resource "r" "n" {\n  name    = "a"\n  project = "b"\n}\n'
    (tmp_path / "one.tf").write_text(text)
    assert layout.problems(tmp_path) == []

    (tmp_path / "one.tf").write_text(text.replace(right, wrong))

    assert any(told in problem for problem in layout.problems(tmp_path))


def test_the_topics_are_those_of_the_messenger():
    assert local("prefix") == "rfm-"
    assert set(re.findall(r'"([\w-]+)"', local("topics"))) == set(TOPICS)


def test_the_subscriptions_are_those_of_the_messenger():
    assert {**local("pushed"), "dead-letters": "dead-letters"} == dict(RESOURCES.standing)


def test_what_nobody_acknowledges_goes_to_the_dead_letters_and_those_are_kept():
    policy = resource("google_pubsub_subscription", "pushed")["dead_letter_policy"][0]
    dead = resource("google_pubsub_subscription", "dead_letters")

    assert f'["{DEAD_LETTERS}"]' in policy["dead_letter_topic"]
    assert policy["max_delivery_attempts"] == RESOURCES.dead_letter_policy(pushed=True)["max_delivery_attempts"]
    assert seconds(dead["message_retention_duration"]) == DEAD_LETTERS_KEPT.total_seconds()
    assert dead["expiration_policy"] == [{"ttl": ""}]


def test_who_looks_whether_the_messenger_is_there_may_see_its_topics():
    """Messenger.missing asks for each: the invoker at its start, the health check on the host of Prefect."""
    viewer = resource("google_pubsub_topic_iam_member", "viewer")

    assert local("lookers") == ["invoker", "prefect"]
    assert "local.lookers" in viewer["for_each"]
    assert viewer["role"] == "roles/pubsub.viewer"


def test_operators_may_read_the_credential_with_which_they_deploy():
    """prefect-auth of a server, prefect-key of Prefect Cloud: whichever there is."""
    credential = resource("google_secret_manager_secret_iam_member", "operator")

    assert credential["for_each"] == "${local.operators}"
    assert "one(values(local.prefect_secrets))" in credential["secret_id"]


def test_pushes_bear_a_token_of_the_account_and_audience_that_the_invoker_asks_for():
    token = resource("google_pubsub_subscription", "pushed")["push_config"][0]["oidc_token"][0]
    settings = local("invoker_settings")

    assert token["service_account_email"][2:-1] in settings
    assert f"INVOKER_PUSH_AUDIENCE = {token['audience'][2:-1]}" in re.sub(r"\s+", " ", settings)


def test_every_setting_that_terraform_gives_is_one():
    given = [local(name) for name in ("settings", "invoker_settings", "prefect_settings", "deploy_settings")]
    given += [str(local(name)) for name in ("invoker_secrets", "prefect_secrets", "host_files", "links")]
    names = set(re.findall(r"\b([A-Z]+_[A-Z_]+)\b(?=\s*['\"]?\s*[=:])", "\n".join(map(str, given))))

    assert names - setting_names() - OF_OTHERS.keys() == set()
    assert {"MESSENGER_KIND", "RUNS_URL", "INVOKER_PUSH_REQUESTS", "PREFECT_API_URL", "DEPLOY_REGION"} <= names


def test_an_environments_file_has_the_settings_that_terraform_writes():
    written = set()
    for name in ("settings", "prefect_settings", "deploy_settings"):
        written |= set(re.findall(r"\b([A-Z]+_[A-Z_]+)\b(?=\s*['\"]?\s*[=:])", str(local(name))))

    for name in ("dev", "prod"):
        assert set(dotenv_values(environment_file(name))) == written


def test_the_service_accounts_have_ids_that_google_takes():
    assert all(re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", name) for name in local("accounts"))


def test_the_invoker_reads_where_the_python_app_publishes():
    template = resource("google_cloud_run_v2_service", "invoker")["template"][0]
    [volume], [mount] = template["volumes"], template["containers"][0]["volume_mounts"]

    assert volume["gcs"] == [{"bucket": "${google_storage_bucket.published.name}", "read_only": True}]
    assert volume["name"] == mount["name"]
    assert mount["mount_path"] == "${local.mounted}"
    assert "PUBLISHED_PATH = local.mounted" in re.sub(r"\s+", " ", local("invoker_settings"))
    assert "PUBLISHED_BUCKET = google_storage_bucket.published.url" in re.sub(r"\s+", " ", local("deploy_settings"))


def test_links_to_reports_lead_to_the_invoker():
    assert 'REPORT_URL = lookup(var.settings, "REPORT_URL", local.invoker_url)' in re.sub(
        r"\s+", " ", local("deploy_settings")
    )


def test_the_images_are_those_of_the_dockerfile():
    assert set(re.findall(r'"([\w-]+)"(?=[,\]])', local("images"))) == set(read_targets())


def test_the_pools_with_a_worker_are_those_that_deployments_use():
    """Of those that the steps and reports of the examples run on: else their runs would wait for ever."""
    pools = next(block.body["default"] for block in CONFIGURATION.of("variable") if block.labels == ("pools",))

    for name in ("dev", "prod"):
        settings = read_environment(environment_file(name))
        known = [pool.name for pool in pools_of(settings)]
        used = [one for one in read_deployments(settings, known) if is_used(full_name(one), settings.steps)]
        assert set(pools) == {deployment["work_pool"]["name"] for deployment in used}


def test_nobody_gets_in_without_being_named():
    text = "\n".join(file.read_text() for file in FOLDER.glob("*.tf"))
    without_comments = "\n".join(line.split("#")[0] for line in text.splitlines())

    assert not re.search(r'"allUsers"|"allAuthenticatedUsers"|invoker_iam_disabled', without_comments)
    assert "google_service_account_key" not in text
    assert not re.search(r'"roles/(owner|editor)"', text)


def test_no_password_is_in_the_state():
    """Only write-only arguments get what ephemeral resources make."""
    for block in CONFIGURATION.of("resource"):
        for name, value in block.body.items():
            assert "ephemeral." not in str(value) or name in {"secret_data_wo", "password_wo"}, block.name


def test_the_host_gets_a_file_that_cloud_init_and_the_shell_can_read(tmp_path):
    cloud_config = rendered(FOLDER / "host.yaml.tftpl", pools=["orchestrator", "sql-runner-cloud-run"], server=True)

    files = {file["path"]: file["content"] for file in yaml.safe_load(cloud_config)["write_files"]}
    assert files["/etc/rfm/settings.env"] == "MESSENGER_KIND=pubsub\n"
    assert files["/etc/rfm/server.secrets"] == "PREFECT_SERVER_API_AUTH_STRING prefect-auth\n"
    assert "europe-docker.pkg.dev/p/rfm/worker:${TAG} --pool %i" in files["/etc/systemd/system/prefect-worker@.service"]
    commands = yaml.safe_load(cloud_config)["runcmd"]
    starts = [place for place, command in enumerate(commands) if command.startswith("systemctl start")]
    assert commands.index("docker system prune --all --force") < starts[0]
    assert "systemctl start --no-block prefect-worker@orchestrator.service" in commands
    assert "prefect-server" in cloud_config


def test_with_prefect_cloud_the_host_has_no_server():
    cloud_config = rendered(FOLDER / "host.yaml.tftpl", pools=["orchestrator"], server=False)

    assert "systemctl start --no-block prefect-server.service" not in cloud_config
    assert (
        yaml.safe_load(cloud_config)["runcmd"][-1] == "systemctl start --no-block prefect-worker@orchestrator.service"
    )
