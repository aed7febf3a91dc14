"""A network that grows with its tasks, small: what is shared, what keeps its bits, what is added."""

from dataclasses import replace

import pytest
import torch

from maskscope.engine.address import study_at
from maskscope.engine.job import Job
from maskscope.engine.plan import make_plan
from maskscope.engine.records.file import load_record
from maskscope.engine.workers import Share, do_share
from maskscope.errors import ConfigError
from maskscope.procedure.settings import MaskSpec
from maskscope.storage import read_tensors
from maskscope.studies.images import networks as image_networks
from maskscope.studies.permuted_images.grow import GrowthWork
from maskscope.studies.permuted_images.numbers import by_chance, shared
from maskscope.studies.permuted_images.result import FIRST_LAYER
from maskscope.studies.permuted_images.spec import PermutedImagesSpec
from tests.image_runs import as_text, file, mask, run
from tests.small_images import small_images

GROWTH_STUDY = study_at("permuted-mnist")


@pytest.fixture(scope="module", autouse=True)
def _small_files():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_networks, "images_of", lambda name, _: small_images(name, channels=1 if name == "mnist" else 3))
        yield


GROWTH = PermutedImagesSpec(
    hidden=(12, 10, 8), tasks=3, new_logits=(2.0, -1.0), mask=MaskSpec(steps=15, batch_size=16, learning_rate=0.1)
)


@pytest.fixture(scope="module")
def growth(tmp_path_factory):
    folder = tmp_path_factory.mktemp("growth")
    plan = make_plan(Job(GROWTH_STUDY, GROWTH, (0,), str(folder), threads=1))
    return folder, *run(GROWTH_STUDY, GROWTH, folder), plan


class TestGrowth:
    def test_everything_is_made_once_and_the_first_task_is_shared(self, growth):
        folder, record, made, plan = growth
        assert made == [
            "seed-0-task-01",
            "seed-0-task-02-new-2",
            "seed-0-task-03-new-2",
            "seed-0-task-02-new--1",
            "seed-0-task-03-new--1",
        ]
        assert sorted(stage.name for stage in plan.stages) == sorted(made)
        assert run(GROWTH_STUDY, GROWTH, folder)[1] == []
        assert as_text(load_record(folder)) == as_text(record)
        assert [(one.new_logit, len(one.tasks)) for one in record.growths] == [(2.0, 3), (-1.0, 3)]

    def test_sharing_is_counted_against_all_earlier_masks(self, growth):
        folder, record, *_ = growth
        first, second, third = (mask(folder, f"task-0{name}") for name in ("1", "2-new-2", "3-new-2"))
        for name, part in record.growths[0].tasks[2].by_tensor.items():
            used = first[name] | second[name]
            assert (part.kept, part.used) == (int(third[name].sum()), int(used.sum()))
            assert part.shared == int((third[name] & used).sum())
            assert part.weights == used.numel()
            assert by_chance(part) == pytest.approx(float(used.double().mean()))
        part = record.growths[0].tasks[1].by_tensor["layers.1.weight"]
        found = record.quantity("shared", "T2, new logits 2", "layers.1.weight")
        assert found.summary.mean == pytest.approx(shared(part))

    def test_used_weights_keep_their_bits_and_others_are_anew(self, growth):
        folder = growth[0]
        (before, _), (after, _) = (
            read_tensors(file(folder, f"task-0{name}", "weights"), kind="weights") for name in ("1", "2-new-2")
        )
        first = mask(folder, "task-01")
        for name, bits in first.items():
            if name.startswith(FIRST_LAYER):
                assert not torch.equal(before[name][bits], after[name][bits])
            else:
                assert torch.equal(before[name][bits], after[name][bits])

    def test_without_a_reset_earlier_tasks_keep_their_answers(self, tmp_path):
        spec = replace(GROWTH, reset_first_layer=False, new_logits=(2.0,))
        record, _ = run(GROWTH_STUDY, spec, tmp_path)
        first, second, third = record.growths[0].tasks
        assert second.earlier == {"T1": first.accuracy}
        assert third.earlier == {"T1": first.accuracy, "T2": second.accuracy}
        work = GrowthWork(spec, 0, Job(GROWTH_STUDY, spec, (0,), str(tmp_path)).runtime())
        inputs = work.task.batches("T1", 20, 0)(0).inputs
        outputs = []
        for name in ("1", "3-new-2"):
            network = work._initial(0)
            network.load_state_dict(read_tensors(file(tmp_path, f"task-0{name}", "weights"), kind="weights")[0])
            outputs.append(torch.func.functional_call(network, masked(network, mask(tmp_path, "task-01")), inputs))
        assert torch.equal(*outputs)

    def test_more_tasks_extend_a_run(self, growth):
        made = run(GROWTH_STUDY, replace(GROWTH, tasks=4, new_logits=(2.0,)), growth[0])[1]
        assert made == ["seed-0-task-04-new-2"]

    def test_a_worker_makes_the_chains(self, growth, tmp_path):
        spec = replace(GROWTH, tasks=2, data_digest="digest of small mnist")
        do_share(Share(Job(GROWTH_STUDY, spec, (0,), str(tmp_path), threads=1), 0, 1))
        assert len(list((tmp_path / "artefacts").iterdir())) == 3
        assert mask(tmp_path, "task-02-new--1") == mask(growth[0], "task-02-new--1")

    def test_what_cannot_be_is_refused(self):
        with pytest.raises(ConfigError, match="new_logits is"):
            replace(GROWTH, new_logits=(2.0, 2.0))
        with pytest.raises(ConfigError, match="no stop_when_settled"):
            replace(GROWTH, mask=replace(GROWTH.mask, warm_start=1.0))


def masked(network, mask):
    return {name: weight.detach() * mask[name] for name, weight in network.named_parameters()}
