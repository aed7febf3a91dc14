"""The image studies, small: what a class owns, two masks for one pair, and a network that grows from task to task."""

from dataclasses import replace

import pytest
import torch

from maskscope.engine.address import study_at
from maskscope.engine.job import Job
from maskscope.engine.plan import make_plan
from maskscope.engine.records.file import load_record
from maskscope.engine.workers import Share, do_share
from maskscope.errors import ConfigError, UnknownNameError
from maskscope.procedure.settings import FitSpec, MaskSpec
from maskscope.procedure.work import make_network
from maskscope.storage import read_json, read_tensors
from maskscope.studies.class_removal.spec import ClassRemovalSpec
from maskscope.studies.images import networks as image_networks
from maskscope.studies.mask_stability.spec import MaskStabilitySpec
from maskscope.tasks import removal_name
from tests.image_runs import CPU, as_text, file, mask, run
from tests.small_images import CLASSES, small_images

REMOVAL_STUDY, STABILITY_STUDY = map(study_at, ("cifar10-class-removal", "cifar10-mask-stability"))
OWN_OUTPUT = "-own-output"
REMOVAL = ClassRemovalSpec(
    network="cnn-no-dropout",
    classes=("cat", "dog"),
    fit=FitSpec(steps=12, batch_size=16),
    mask=MaskSpec(steps=6, batch_size=8, samples_per_step=2, learning_rate=0.8),
    gradient_cosine="airplane",
    controls=("untrained",),
    random_draws=1,
)
STABILITY = MaskStabilitySpec(network="cnn-no-dropout", fit=REMOVAL.fit, mask=REMOVAL.mask, repeats=1, pairs=2, random_draws=1)


@pytest.fixture(scope="module", autouse=True)
def _small_files():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_networks, "images_of", lambda name, _: small_images(name, channels=1 if name == "mnist" else 3))
        yield


@pytest.fixture(scope="module")
def removal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("removal")
    plan = make_plan(Job(REMOVAL_STUDY, REMOVAL, (0,), str(folder), threads=1))
    return folder, *run(REMOVAL_STUDY, REMOVAL, folder), plan


class TestRemoval:
    def test_everything_is_made_once_and_read_again(self, removal):
        folder, record, made, plan = removal
        assert [stage.name for stage in plan.stages] == made
        assert run(REMOVAL_STUDY, REMOVAL, folder)[1] == []
        assert as_text(load_record(folder)) == as_text(record)
        assert record.masks == ("without-cat", "without-dog", f"without-airplane{OWN_OUTPUT}")
        assert record.functions == CLASSES
        assert (record.data.name, record.data.verified) == ("cifar10", False)
        assert record.spec["data_digest"] == record.data.digest

    def test_the_output_layer_is_that_of_the_full_mask(self, removal):
        folder = removal[0]
        full, cat, own = (mask(folder, f"mask-{name}-0") for name in ("all", "without-cat", f"without-airplane{OWN_OUTPUT}"))
        assert set(full) == set(cat) == set(own)
        outputs = [name for name in full if name.startswith("output.")]
        assert len(outputs) == 2
        assert all(torch.equal(full[name], cat[name]) for name in outputs)
        assert not all(torch.equal(full[name], cat[name]) for name in full)
        logits, _ = read_tensors(file(folder, "mask-without-cat-0", "logits"), kind="logits")
        assert all(torch.equal(logits[name] > 0, cat[name]) for name in cat)
        held, _ = read_tensors(file(folder, "mask-all-0", "logits"), kind="logits")
        assert all(torch.equal(held[name], logits[name]) for name in outputs)

    def test_what_a_class_owns_is_counted(self, removal):
        folder, record, *_ = removal
        network = record.networks[0]
        full = mask(folder, "mask-all-0")
        assert [own.function for own in network.more.owned] == ["cat", "dog"]
        for own in network.more.owned:
            without = mask(folder, f"mask-{removal_name(own.function)}-0")
            for name, part in own.by_tensor.items():
                assert part.kept == int((full[name] & ~without[name]).sum())
                assert part.weights == int(full[name].sum())
            assert own.mask == removal_name(own.function)
            assert network.more.filters.owned[own.function] == "".join(
                str(int(bit)) for bit in (full - without)["features.0.weight"].flatten()
            )
        (pair,) = network.pairs
        assert {pair.first[0], pair.second[0]} == {"cat", "dog"}
        dog, cat = ((full - mask(folder, f"mask-without-{name}-0")) for name in ("dog", "cat"))
        assert pair.total.both == (dog & cat).kept
        assert network.more.filters.shape == (32, 3, 3, 3)

    def test_remaining_weights_and_drops_are_those_of_the_masks(self, removal):
        folder, record, *_ = removal
        full, cat = mask(folder, "mask-all-0"), mask(folder, "mask-without-cat-0")
        remaining = record.quantity("remaining of the full mask", "without-cat").summary.mean
        assert remaining == pytest.approx((full & cat).kept / full.kept)
        masks = {found.function: found for found in record.networks[0].masks}
        kept, left = (masks[name].sufficiency.accuracy for name in ("all", "without-cat"))
        for name in CLASSES:
            found = record.quantity("relative drop", "without-cat", name).summary
            if kept[name]:
                assert found.mean == pytest.approx((kept[name] - left[name]) / kept[name])
            else:
                assert found.n == 0

    def test_gradients_are_compared_from_the_output_down(self, removal):
        cosines = removal[1].networks[0].more.cosines
        assert [len(one.masked) for one in cosines] == [0, 2, 4, 6, 8, 10]
        assert cosines[0].total == pytest.approx(1)
        assert set(cosines[1].masked) == {"output.weight", "output.bias"}
        assert all(-1.0001 <= one.total <= 1.0001 for one in cosines)

    def test_the_untrained_network_has_a_full_mask_to_hold_on_to(self, removal):
        untrained = next(one for one in removal[1].networks if one.variant == "untrained")
        assert [one.function for one in untrained.masks] == ["all", "without-cat", "without-dog"]

    def test_more_classes_extend_a_run(self, removal):
        made = run(REMOVAL_STUDY, replace(REMOVAL, classes=("cat", "dog", "ship")), removal[0])[1]
        assert made == [
            "seed-0-mask-without-ship-0",
            "seed-0-analysis",
            "seed-0-mask-without-ship-0-untrained",
            "seed-0-analysis-untrained",
        ]

    def test_other_data_make_another_run(self, removal, monkeypatch):
        other = replace(small_images(), digest="another")
        monkeypatch.setattr(image_networks, "images_of", lambda name, _: other)
        plan = make_plan(Job(REMOVAL_STUDY, replace(REMOVAL, data_digest="another"), (0,), str(removal[0]), threads=1))
        assert not any(stage.done for stage in plan.stages if stage.name != "seed-0-network-untrained")
        with pytest.raises(ConfigError, match=r"have digest another, but these settings are for .*: the files differ"):
            REMOVAL_STUDY.procedure.subject.task(replace(REMOVAL, data_digest="digest of small cifar10"), CPU)

    def test_a_worker_finds_the_full_mask_before_what_holds_on_to_it(self, removal, tmp_path):
        spec = replace(REMOVAL, controls=(), gradient_cosine="", data_digest="digest of small cifar10")
        job = Job(REMOVAL_STUDY, spec, (0,), str(tmp_path), threads=1)
        do_share(Share(job, 0, 1))
        made = {path.name.rpartition("-")[0]: read_json(path / "made.json") for path in (tmp_path / "artefacts").iterdir()}
        assert made["seed-0-mask-without-cat-0"]["made_at_ns"] > made["seed-0-mask-all-0"]["made_at_ns"]
        assert made["seed-0-mask-without-cat-0"]["from"]["full mask"].startswith("seed-0-mask-all-0-")
        assert mask(tmp_path, "mask-without-dog-0") == mask(removal[0], "mask-without-dog-0")

    def test_masks_found_together_are_found_after_the_full_one(self, tmp_path):
        spec = replace(REMOVAL, together=True, controls=(), gradient_cosine="", mask=replace(REMOVAL.mask, steps=2))
        record, _ = run(REMOVAL_STUDY, spec, tmp_path)
        assert [one.function for one in record.networks[0].masks] == ["all", "without-cat", "without-dog"]

    def test_a_class_that_there_is_not_is_refused(self):
        with pytest.raises(UnknownNameError, match="class of cifar10 'lorry'"):
            REMOVAL_STUDY.procedure.subject.task(replace(REMOVAL, classes=("lorry",)), CPU)


class TestStability:
    def test_every_pair_has_two_masks_of_its_own(self, tmp_path):
        record, _ = run(STABILITY_STUDY, STABILITY, tmp_path)
        first, second = record.masks
        assert [(one.function, one.repeat) for one in record.networks[0].masks] == [
            (name, repeat) for repeat in (0, 1) for name in (first, second)
        ]
        outputs = [mask(tmp_path, f"mask-{first}-{repeat}")["output.weight"] for repeat in (0, 1)]
        assert not torch.equal(*outputs), "each mask has an output layer of its own"
        within = record.quantity("iou", f"{first}, {first}").summary.mean
        counts = next(one for one in record.networks[0].pairs if (one.first, one.second) == ((first, 0), (first, 1)))
        assert within == pytest.approx(counts.total.iou)
        sharing = record.networks[0].sharing[0].all_weights
        assert sharing.within_first == pytest.approx(counts.total.dice), "stability is the ceiling"

    def test_pairs_are_the_same_for_every_network(self):
        task = STABILITY_STUDY.procedure.subject.task
        one, other = (task(STABILITY, CPU) for _ in range(2))
        assert one.mask_targets == other.mask_targets != task(replace(STABILITY, pairs_seed=5), CPU).mask_targets
        with pytest.raises(ConfigError, match="10 classes have 45 pairs"):
            task(replace(STABILITY, pairs=46), CPU)

    def test_it_needs_a_second_mask(self):
        with pytest.raises(ConfigError, match="stability is the overlap of two masks"):
            replace(STABILITY, repeats=0)


def test_residual_networks_are_fitted_with_the_published_schedule():
    subject, spec = REMOVAL_STUDY.procedure.subject, REMOVAL_STUDY.preset("paper", "resnet110")
    config = spec.fit.config()
    assert (config.optimizer, config.milestones, config.weight_decay) == ("sgd", (32_000, 48_000), 1e-4)
    small = replace(spec, network="resnet20")
    network = make_network(subject, small, 0, subject.task(small, CPU))
    assert sum(parameter.numel() for parameter in network.parameters()) == 272_474
