from deployments.local.locks import is_held, locked


def test_a_lock_is_held_as_long_as_its_context(tmp_path):
    with locked(tmp_path / "lock"):
        assert is_held(tmp_path / "lock")

    assert not is_held(tmp_path / "lock")


def test_several_may_share_a_lock(tmp_path):
    with locked(tmp_path / "lock", shared=True), locked(tmp_path / "lock", shared=True):
        assert is_held(tmp_path / "lock")
