"""A version comes to the invoker, to the host of Prefect and to the flows' deployments, in this order."""

from tests.deployments.cloud.operator import an_operator

WHERE = {"ENV": "test", "TAG": "abc", "REPOSITORY": "europe/p/rfm", "REGION": "europe-west1", "ZONE": "europe-west1-b"}


def test_every_part_gets_the_version(tmp_path):
    operator = an_operator(tmp_path)

    done = operator.run("deployments/images/roll-out.sh", **WHERE)

    assert done.returncode == 0, done.stderr
    calls = operator.calls
    assert "--image europe/p/rfm/invoker:abc" in calls[0]
    assert [call.split()[3] for call in calls[1:4]] == ["add-metadata", "stop", "start"]
    assert "--metadata image-tag=abc" in calls[1]
    deployed = calls.index("make deploy ENV=test")
    assert calls[deployed + 1] == "europe/p/rfm/sql-runner:abc europe/p/rfm/rfm:abc"


def test_a_prefect_that_does_not_come_back_fails_the_roll_out(tmp_path):
    done = an_operator(tmp_path).run("deployments/images/roll-out.sh", HEALTH="22", **WHERE)

    assert done.returncode == 1
    assert "so this was not done: make deploy ENV=test" in done.stderr
