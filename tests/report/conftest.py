import pytest

from tests.report.synthetic import make_record


@pytest.fixture(scope="session")
def record():
    return make_record()


@pytest.fixture(scope="session")
def lonely():
    """One network, one mask a function, no control: nothing has an interval, sharing is undefined."""
    return make_record(seeds=(5,), repeats=0, untrained=False)
