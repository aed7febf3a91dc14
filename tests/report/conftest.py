import pytest

from tests.report.synthetic import make_double_record, make_record


@pytest.fixture(scope="session")
def record():
    return make_record()


@pytest.fixture(scope="session")
def double():
    """Double addition with all controls, repeats, a null and stable cores."""
    return make_double_record()


@pytest.fixture(scope="session")
def lonely():
    """One network, one mask a function, no control: nothing has an interval, sharing is undefined."""
    return make_record(seeds=(5,), repeats=0, controls=())
