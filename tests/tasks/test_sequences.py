"""Sequences as a task: what a part holds, what counts as right, what is said of bad data; and SCAN as one."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import maskscope as ms
from maskscope.errors import ConfigError, DataError, FileFormatError, UnknownNameError
from maskscope.tasks.encoding import Encoded, Vocabulary, encode
from maskscope.tasks.scan import ACTION_TOKENS, SIMPLE, WORDS, are_published, scan_splits, scan_task, splits_digest
from maskscope.tasks.scan_files import write_split
from maskscope.tasks.scan_grammar import Command, Split, every_command
from maskscope.tasks.sequences import EvaluationSet, SequenceTask, sampled
from maskscope.tasks.task import NOT_ASKED
from maskscope.zoo import SequenceLSTM

LETTERS = Vocabulary(("a", "b", "c"))
PAIRS = [("ab", "ba"), ("abc", "c"), ("c", "cba"), ("b", "")]


def small_task(**settings):
    """Four questions; the network was trained on two of them."""
    data = encode(PAIRS, LETTERS, LETTERS)
    train = {"all": data.at(torch.tensor([0, 1])), "rest": data.at(torch.tensor([2, 3]))}
    unseen = torch.tensor([False, False, True, True])
    tests = {"known": EvaluationSet(train["all"], 2), "both": EvaluationSet(data, 4, 2, unseen, apart=True)}
    return SequenceTask(train, tests, LETTERS, LETTERS, **settings)


class Undecided(nn.Module):
    """Scores all tokens equally."""

    def forward(self, tokens, lengths, asked, answers):
        return torch.zeros(*answers.shape, LETTERS.size)


def answering(texts):
    """A network that knows the answer to every question by heart, given as a mapping."""

    def run(tokens, lengths, asked, answers=None):
        scores = torch.zeros(len(tokens), int(asked.max()), LETTERS.size)
        for row, (question, length) in enumerate(zip(tokens.tolist(), lengths.tolist(), strict=True)):
            assert question[length - 1] == LETTERS.end
            written = [LETTERS.tokens.index(letter) for letter in texts["".join(LETTERS.words(question))]]
            for step, number in enumerate((written + [LETTERS.end] * scores.shape[1])[: scores.shape[1]]):
                scores[row, step, number] = 1
        return scores

    return run


def test_what_is_encoded_can_be_read_again():
    data = encode(PAIRS, LETTERS, LETTERS)
    assert data.lengths.tolist() == [3, 4, 2, 2]
    assert data.target_lengths.tolist() == [3, 2, 4, 1]
    for row, (question, answer) in enumerate(PAIRS):
        assert "".join(LETTERS.words(data.tokens[row].tolist())) == question
        assert "".join(LETTERS.words(data.targets[row].tolist())) == answer


def test_a_part_has_answers_with_their_ends_and_nothing_behind_them():
    task = small_task()
    part = task.batches("rest", 8, 0)(3)
    for tokens, length, targets, asked in zip(part.tokens, part.lengths, part.targets, part.asked, strict=True):
        question = "".join(LETTERS.words(tokens.tolist()))
        answer = dict(PAIRS)[question]
        assert length == len(question) + 1
        assert asked == len(answer) + 1
        assert targets[:asked].tolist() == [LETTERS.tokens.index(letter) for letter in answer] + [LETTERS.end]
        assert (targets[asked:] == NOT_ASKED).all()
    same = task.batches("rest", 8, 0)(3)
    assert all(torch.equal(one, other) for one, other in zip(part[:4], same[:4], strict=True))
    assert not torch.equal(part.tokens, task.batches("rest", 8, 1)(3).tokens)


def test_a_part_is_as_wide_as_its_longest_or_all_are_equally_wide():
    every = {tuple(small_task().batches("all", 1, 0)(index).tokens.shape) for index in range(12)}
    assert every == {(1, 3), (1, 4)}
    wide = {(part.tokens.shape, part.targets.shape) for part in map(small_task(even=True).batches("all", 1, 0), range(12))}
    assert wide == {((1, 4), (1, 4))}


@pytest.mark.parametrize(("forcing", "low", "high"), [(0.0, 0, 0), (1.0, 400, 400), (0.5, 160, 240)])
def test_how_often_the_right_answers_are_shown(forcing, low, high):
    batches = small_task(forcing=forcing).batches("all", 2, 5)
    assert low <= sum(batches(index).given for index in range(400)) <= high


def test_the_loss_is_summed_over_tokens_and_averaged_over_questions():
    """With equal scores each token, and each end, costs log 4."""
    task = small_task()
    part = task.batches("all", 6, 0)(0)
    loss = task.loss(Undecided(), part)
    torch.testing.assert_close(loss, torch.tensor(4.0).log() * part.asked.float().mean())


def test_an_answer_is_right_when_every_token_and_the_length_are():
    right = dict(PAIRS)
    assert small_task().score(answering(right)).accuracy == {"known": 1.0, "both": 1.0, "both-unseen": 1.0}
    for wrong in ("b", "baa", "bb", "", "bac"):
        scores = small_task().score(answering(right | {"ab": wrong}))
        assert scores.accuracy == {"known": 0.5, "both": 0.75, "both-unseen": 1.0}, wrong
    scores = small_task().score(answering(right | {"b": "a"}))
    assert scores.accuracy == {"known": 1.0, "both": 0.75, "both-unseen": 0.5}


def test_accuracy_does_not_depend_on_what_is_asked_together(monkeypatch):
    task = small_task()
    network = SequenceLSTM(4, 4, hidden=5, layers=1, embedding=3).eval()
    with torch.no_grad():
        whole = task.score(network)
        monkeypatch.setattr("maskscope.tasks.sequences._ITEMS_AT_ONCE", 1)
        assert task.score(network) == whole


def test_examples_are_half_unseen_and_answers_are_given_in_full():
    task = small_task()
    examples = task.examples(2, 0)
    assert [(example.test, example.seen) for example, _ in examples] == [
        ("known", False), ("known", False), ("both", False), ("both", True),
    ]  # fmt: skip
    answers = dict(PAIRS) | {"ab": "baaa"}
    given = task.answers(answering(answers), [question for _, question in examples])
    for (example, _), answer in zip(examples, given, strict=True):
        assert "".join(answer) == answers[example.question]
        assert "".join(example.answer) == dict(PAIRS)[example.question]


def test_a_sample_keeps_what_is_said_of_the_whole():
    one = EvaluationSet(encode(PAIRS, LETTERS, LETTERS), 4, 2, torch.tensor([False, False, True, True]))
    few = sampled(one, 3, 0)
    assert (len(few.data), few.items, few.seen, len(few.unseen)) == (3, 4, 2, 3)
    assert sampled(one, 0, 0) is sampled(one, 9, 0) is one


def test_tokens_that_nobody_knows_are_said():
    with pytest.raises(DataError, match="'x' in split simple is not in the vocabulary of 3 tokens .*; it stands in 'axb'"):
        encode([("ab", "a"), ("axb", "a")], LETTERS, LETTERS, "split simple")
    with pytest.raises(DataError, match="'z' .* it stands in 'a z'"):
        encode([("a", ("a", "z"))], LETTERS, LETTERS)
    with pytest.raises(DataError, match="no questions in level easy"):
        encode([], LETTERS, LETTERS, "level easy")
    with pytest.raises(ConfigError, match="under the name 'all' were expected; found some"):
        SequenceTask({"some": encode(PAIRS, LETTERS, LETTERS)}, {}, LETTERS, LETTERS)


@pytest.fixture(scope="module")
def splits():
    return scan_splits(["jump", "length", "turn_left"])


@pytest.fixture(scope="module")
def scan(splits):
    return scan_task(splits)


def test_scan_has_the_published_counts_and_says_what_was_seen(scan, splits):
    assert scan.functions == (
        "simple",
        *(name for split in ("jump", "length", "turn_left") for name in (split, f"{split}-unseen", f"{split}-train")),
    )
    assert scan.mask_targets == ("jump", "length", "turn_left")
    assert scan.sizes == (14, 7)
    assert scan.longest == 49
    trained = {command.words for command in splits[SIMPLE].train}
    for name, items in {"simple": 4_182, "jump": 7_706, "length": 3_920, "turn_left": 1_208}.items():
        one = scan.tests[name]
        assert one.items == len(one.data) == items
        assert one.seen == sum(command.words in trained for command in splits[name].test)
        assert one.judged_unseen == items - one.seen
        assert one.apart == (name != "simple")
        if name != "simple":
            assert 0.75 < one.seen / items < 0.85  # four fifths, whichever simple is drawn
    assert scan.tests["jump-train"].items == 13_204
    assert len(scan.tests["jump-train"].data) == 1_000


def test_scans_words_are_those_of_the_grammar(scan):
    words = {word for command in every_command() for word in command.words.split()}
    assert words == set(WORDS.tokens)
    (example, question) = scan.examples(1, 0)[0]
    meaning = {command.words: command.actions for command in every_command()}
    assert meaning[example.question] == example.answer
    assert len(question) == 1
    assert ACTION_TOKENS.tokens[:2] == ("I_TURN_LEFT", "I_TURN_RIGHT")


def test_splits_from_a_folder_are_those_of_the_grammar(splits, tmp_path):
    for name, file in {SIMPLE: SIMPLE, "jump": "addprim_jump"}.items():
        write_split(splits[name], file, tmp_path)
    read = scan_splits(["jump"], folder=tmp_path)
    assert splits_digest(read) == splits_digest({name: splits[name] for name in (SIMPLE, "jump")})
    assert are_published(read)
    turned = replace(read["jump"], test=(Command("jump left", ("I_JUMP",)), *read["jump"].test[1:]))
    assert not are_published(read | {"jump": turned})
    assert not are_published(read | {SIMPLE: Split(read[SIMPLE].train[1:], read[SIMPLE].test)})


def test_bad_files_of_scan_are_said(splits, tmp_path):
    with pytest.raises(UnknownNameError, match="split of SCAN"):
        scan_splits(["jumps"])
    with pytest.raises(FileFormatError, match="tasks_train_simple.txt"):
        scan_splits(["jump"], folder=tmp_path)
    simple = splits[SIMPLE]
    write_split(Split(simple.train, (simple.train[0], *simple.test)), SIMPLE, tmp_path)
    write_split(splits["jump"], "addprim_jump", tmp_path)
    with pytest.raises(FileFormatError, match="commands in common, or one is tested twice"):
        scan_splits(["jump"], folder=tmp_path)
    write_split(simple, SIMPLE, tmp_path)
    jump = splits["jump"]
    for test, wrong in (
        (jump.train[:1], "split addprim_jump in .* have commands in common"),
        ((Command("jump", ("I_WALK",)),), "'jump', in the files of split addprim_jump in .*, means something else"),
        ((Command("jump jump", ("I_JUMP",)),), "'jump jump', in the files .* is no command of SCAN"),
    ):
        write_split(Split(jump.train, test), "addprim_jump", tmp_path)
        with pytest.raises(FileFormatError, match=wrong):
            scan_splits(["jump"], folder=tmp_path)
    with pytest.raises(DataError, match="'fly' in split simple of SCAN is not in the vocabulary"):
        scan_task({SIMPLE: Split((Command("fly left", ("I_WALK",)),), simple.test)})


def test_files_in_another_order_are_the_same_data(splits, tmp_path):
    for name, file in (("one", slice(None)), ("other", slice(None, None, -1))):
        for split in (SIMPLE, "jump"):
            turned = Split(splits[split].train[file], splits[split].test[file])
            write_split(turned, SIMPLE if split == SIMPLE else "addprim_jump", tmp_path / name)
    assert scan_splits(["jump"], folder=tmp_path / "one") == scan_splits(["jump"], folder=tmp_path / "other")


def test_a_mask_is_found_for_a_network_of_sequences(scan):
    network = SequenceLSTM(14, 7, hidden=6, layers=1, embedding=4)
    selection = ms.select(network, exclude=["*bias*", "*embedding*"])
    batches = scan.batches("jump", 3, 0)
    config = ms.MaskConfig(steps=3, learning_rate=0.1)
    found = ms.discover(network, scan.loss, batches, selection=selection, config=config)
    again = ms.discover(network, scan.loss, batches, selection=selection, config=config)
    assert torch.equal(found.logits.flat, again.logits.flat)
    assert (found.logits.flat != 2.0).all()


def test_encoded_questions_can_be_chosen():
    data = encode(PAIRS, LETTERS, LETTERS)
    assert isinstance(data.at(torch.tensor([1])), Encoded)
    assert data.at(torch.tensor([2, 0])).lengths.tolist() == [2, 3]
