"""A command that speaks to an environment's Prefect reaches it, and says when it does not."""

from tests.deployments.cloud.operator import PREFECT_CLOUD, an_operator

REACH = "deployments/cloud/reach-prefect.sh"
WHERE = {"ENV": "test", "ZONE": "europe-west1-b"}
SAYS_WHO_IT_IS = ("bash", "-c", 'echo "server: $PREFECT_API_AUTH_STRING, cloud: $PREFECT_API_KEY, $ALERTS_URLS"')
LENT = "sudo ip address replace 10.20.0.2/32 dev lo"
TAKEN_BACK = "sudo ip address delete 10.20.0.2/32 dev lo"


def test_a_server_is_reached_through_the_tunnel_at_its_own_address_with_its_credential(tmp_path):
    operator = an_operator(tmp_path)

    done = operator.run(REACH, *SAYS_WHO_IT_IS, **WHERE)

    assert done.stdout == "server: value of prefect-auth, cloud: , value of alerts-urls\n", done.stderr
    assert any("start-iap-tunnel" in call and "10.20.0.2:4200" in call for call in operator.calls)
    assert [call for call in operator.calls if call.startswith("sudo")] == [LENT, TAKEN_BACK]


def test_prefect_cloud_is_reached_with_its_key_and_without_a_tunnel(tmp_path):
    operator = an_operator(tmp_path, PREFECT_CLOUD)

    done = operator.run(REACH, *SAYS_WHO_IT_IS, **WHERE)

    assert done.stdout == "server: , cloud: value of prefect-key, value of alerts-urls\n", done.stderr
    assert not any("tunnel" in call or "sudo" in call for call in operator.calls)


def test_a_server_that_does_not_answer_is_said_and_nothing_is_done(tmp_path):
    operator = an_operator(tmp_path)

    done = operator.run(REACH, "make", "undeploy", HEALTH="22", **WHERE)

    assert done.returncode == 1
    assert "Prefect has not answered for five minutes, so this was not done: make undeploy" in done.stderr
    assert not any(call.startswith("make") for call in operator.calls)
    assert operator.calls[-1] == TAKEN_BACK


def test_the_commands_own_failure_is_the_scripts(tmp_path):
    assert an_operator(tmp_path).run(REACH, "bash", "-c", "exit 3", **WHERE).returncode == 3
