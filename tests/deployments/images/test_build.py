from deployments.images.__main__ import build_command


def command_of(program, **changes):
    return " ".join(build_command(program, "rfm", "europe/p/rfm:abc", **({"base": "", "index": ""} | changes)))


def test_docker_and_buildah_date_the_files_by_the_commit():
    assert "--build-arg SOURCE_DATE_EPOCH=" in command_of("/usr/bin/docker")
    assert "--timestamp " in command_of("/usr/bin/buildah")


def test_the_target_gets_its_name():
    assert "--target rfm --tag europe/p/rfm:abc" in command_of("/usr/bin/docker")


def test_an_index_is_lent_to_the_build_as_a_secret():
    command = command_of("/usr/bin/buildah", index="/etc/pip.conf", base="localhost/python")

    assert "--secret id=index,src=/etc/pip.conf" in command
    assert "--build-arg PYTHON_IMAGE=localhost/python" in command
