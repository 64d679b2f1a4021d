import pytest
import torch

from semivideo.base.errors import CheckpointError
from semivideo.engine.checkpoint import Checkpoint, Checkpoints, settings_hash
from semivideo.runfolder import RunFolder
from semivideo.settings import Settings

SAME = {"split_hash": "9f2c11", "settings_hash": "5e77aa"}


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(RunFolder(tmp_path), keep=2)


def make(step, **state):
    return Checkpoint(step, "9f2c11", "5e77aa", {"x": torch.tensor([float(step)]), **state})


def test_latest__gives_back_the_state_bit_for_bit(checkpoints):
    torch.manual_seed(0)
    shared = torch.randn(3, 2, 2, 2, 2).contiguous(memory_format=torch.channels_last_3d)
    state = {
        "method": {"a.weight": shared, "b.weight": shared, "n": torch.tensor(7)},
        "optimizer": {"state": {0: {"v": torch.randn(3).bfloat16()}}, "lr": 0.1 + 0.2},
        "nothing": None,
        "list": [1, True, "word", [torch.zeros(0)]],
    }
    checkpoints.save(Checkpoint(12, "9f2c11", "5e77aa", state))
    found = checkpoints.latest(**SAME)
    assert found.step == 12
    assert torch.equal(found.state["method"]["b.weight"], shared)
    assert found.state["method"]["n"].item() == 7
    momentum = found.state["optimizer"]["state"]["0"]["v"]
    assert torch.equal(momentum, state["optimizer"]["state"][0]["v"])
    assert found.state["optimizer"]["lr"] == 0.1 + 0.2
    assert found.state["nothing"] is None
    assert found.state["list"][:3] == [1, True, "word"]
    assert found.state["list"][3][0].shape == (0,)


def test_save__keeps_the_last_ones(checkpoints, tmp_path):
    assert checkpoints.latest(**SAME) is None
    for step in (5, 10, 15, 1000000):
        checkpoints.save(make(step))
    names = [path.name.split("-") for path in (tmp_path / "checkpoints").iterdir()]
    assert sorted(int(step) for _, step, _ in names) == [15, 1000000]
    assert checkpoints.latest(**SAME).step == 1000000


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b[:-1] + b"?", lambda b: b""]
)
def test_latest__passes_over_a_damaged_one_with_a_warning(checkpoints, caplog, damage):
    checkpoints.save(make(5))
    path = checkpoints.save(make(10))
    path.write_bytes(damage(path.read_bytes()))
    assert checkpoints.latest(**SAME).step == 5
    assert "is damaged; taking the one before it" in caplog.text


def test_latest__refuses_to_begin_anew_when_all_are_damaged(checkpoints):
    checkpoints.save(make(5)).write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"all 1 checkpoints in .* are damaged; restore"):
        checkpoints.latest(**SAME)


def test_latest__ignores_a_half_written_temporary(checkpoints, tmp_path):
    checkpoints.save(make(5))
    name = ".step-000010-0123456789abcdef.safetensors.tmp"
    (tmp_path / "checkpoints" / name).write_bytes(b"half")
    assert checkpoints.latest(**SAME).step == 5


def test_latest__refuses_another_split_and_other_settings(checkpoints):
    checkpoints.save(make(5))
    with pytest.raises(
        CheckpointError,
        match=r"checkpoint was trained on split 9f2c\.\.\., this run uses 41aa\.\.\.; "
        "resume with the run's own split or start a new run",
    ):
        checkpoints.latest(split_hash="41aa22", settings_hash="5e77aa")
    with pytest.raises(CheckpointError, match=r"trained with settings 5e77\.\.\., .* 0000\.\.\."):
        checkpoints.latest(split_hash="9f2c11", settings_hash="0000")


def test_settings_hash__of_a_run_of_0_1_0_is_what_it_was():
    """Settings that later versions added are not in the digest while nobody uses them."""
    assert settings_hash(Settings()).startswith("570d7fe86a719def")
    for changes in (
        {"engine.optimizer": "adamw"},
        {"engine.accumulate": 2},
        {"networks.primary.freeze": ["stem"]},
        {"networks.primary.rates.head": 0.5},
        {"networks.primary.lora.rank": 4},
    ):
        assert settings_hash(Settings().updated(changes)) != settings_hash(Settings())


def test_settings_hash__ignores_what_does_not_change_weights():
    settings = Settings()
    same = {"engine.log_every": 3, "data.workers": 1, "evaluation.num_clips": 2}
    assert settings_hash(settings.updated(same)) == settings_hash(settings)
    for other in (
        {"engine.seed": 1},
        {"method.threshold": 0.5},
        {"views.flip": False},
        {"data.decoder": "hardware"},
    ):
        assert settings_hash(settings.updated(other)) != settings_hash(settings)
