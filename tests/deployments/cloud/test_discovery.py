"""Google's schemas refuse what Google would."""

import copy

import pytest

from deployments.cloud.discovery import wrong_in

JOB = {
    "cloud-run": {
        "launchStage": "GA",
        "template": {"template": {"maxRetries": 0, "timeout": "60s", "containers": [{"image": "i", "command": ["c"]}]}},
    },
    "vertex-ai": {
        "displayName": "n",
        "jobSpec": {
            "scheduling": {"timeout": "3600s", "disableRetries": True},
            "workerPoolSpecs": [{"replicaCount": "1", "containerSpec": {"imageUri": "i", "command": ["c"]}}],
        },
    },
}


@pytest.mark.parametrize("platform", JOB)
def test_a_good_job_is_taken(platform):
    assert wrong_in(platform, JOB[platform]) == []


@pytest.mark.parametrize(
    ("platform", "path", "value", "told"),
    [
        ("cloud-run", ("template", "template", "containers", 0, "imgae"), "i", "template.template.containers.0: "),
        ("cloud-run", ("launchStage",), "SOON", "launchStage: 'SOON' is not one of"),
        ("cloud-run", ("template", "template", "maxRetries"), "none", "maxRetries: 'none' is not of type"),
        ("cloud-run", ("template", "template", "timeout"), "1 minute", "timeout: '1 minute' does not match"),
        ("vertex-ai", ("jobSpec", "schedulling"), {}, "jobSpec: "),
        ("vertex-ai", ("jobSpec", "scheduling", "disableRetries"), "yes", "disableRetries: 'yes' is not of type"),
        ("vertex-ai", ("jobSpec", "workerPoolSpecs", 0, "replicaCount"), "one", "replicaCount: 'one' does not match"),
    ],
)
def test_a_name_or_a_value_that_google_does_not_know_is_said_with_its_place(platform, path, value, told):
    body = copy.deepcopy(JOB[platform])
    place = body
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value

    [wrong] = wrong_in(platform, body)

    assert told in wrong
