"""Which clusters and shares of devices can be asked for. Nothing here starts Ray."""

import pytest

from maskscope.engine.cluster.choice import Cluster
from maskscope.errors import ConfigError


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"address": "ray://head:10001"}, "auto, or HOST:PORT of the head node was expected"),
        ({"address": "head"}, "auto, or HOST:PORT of the head node was expected"),
        ({"gpus_per_step": 0.0}, "a share of a GPU, as 0.5, or a whole number"),
        ({"gpus_per_step": 1.5}, "a share of a GPU, as 0.5, or a whole number"),
    ],
)
def test_a_choice_that_ray_could_not_follow_is_refused(choice, words):
    with pytest.raises(ConfigError, match=words):
        Cluster(**choice)
