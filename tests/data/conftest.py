import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, no folder named by the environment, and no proxy between it and its server."""
    folder = tmp_path / "cache"
    monkeypatch.setattr("maskscope.data.places.user_cache_dir", lambda name: str(folder / name))
    monkeypatch.delenv("MASKSCOPE_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder / "maskscope"
