import pytest
import torch

from semivideo.base.records import PseudoLabels, StepResult
from semivideo.engine.log import MetricsLog
from semivideo.runfolder import RunFolder


@pytest.fixture
def log(tmp_path, runtime):
    return MetricsLog(RunFolder(tmp_path), runtime, num_classes=3, tensorboard=False)


def result(loss, *, kept=(), label=(), **terms):
    terms = {name: torch.tensor(value) for name, value in terms.items()}
    pseudo = ()
    if kept:
        confidence = torch.linspace(0, 1, len(kept))
        video = torch.arange(len(kept))
        pseudo = (PseudoLabels("net", video, torch.tensor(label), confidence, torch.tensor(kept)),)
    return StepResult(torch.tensor(loss, requires_grad=True), terms, pseudo)


def test_line__averages_over_the_steps_since_the_last(log, tiny, tmp_path):
    batch = tiny.make_batch(0, 10)
    log.add(batch, result(1.0, L_s=1.0), waited=0.0)
    log.add(batch, result(2.0, L_s=2.0, kept=[True, False], label=[2, 1]), waited=0.0)
    log.add(batch, result(6.0, L_u=5.0, kept=[True, True], label=[0, 2]), waited=0.0)
    assert log.losses() == [1.0, 2.0, 6.0]
    line = log.line(3, learning_rate=0.1)
    assert line["loss"] == 3.0
    assert line["terms"] == {"L_s": 1.5, "L_u": 5.0}
    assert (line["kept"], line["confidence"]) == ({"net": 0.75}, {"net": 0.5})
    assert line["top_class"] == {"net": 2}
    assert line["top_class_share"]["net"] == pytest.approx(2 / 3)
    log.add(batch, result(7.0), waited=0.0)
    assert log.line(4, learning_rate=0.05)["loss"] == 7.0
    assert [line["step"] for line in RunFolder(tmp_path).metrics()] == [3, 4]


def test_line__has_no_top_class_where_nothing_is_kept(log, tiny):
    log.add(tiny.make_batch(0, 9), result(1.0, kept=[False, False], label=[0, 0]), waited=0.0)
    line = log.line(1, learning_rate=0.1)
    assert line["kept"] == {"net": 0.0}
    assert "top_class" not in line


def test_line__measures_speed_and_waiting_without_pauses(log, tiny, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("semivideo.engine.log.time.perf_counter", lambda: clock[0])
    log.restore(0, {"window": {}, "seconds": 0.0, "waited": 0.0})
    for _ in range(5):
        log.add(tiny.make_batch(0, 10), result(1.0), waited=0.5)
        clock[0] += 2.0
    with log.paused():
        clock[0] += 1000.0
    line = log.line(5, learning_rate=0.1)
    assert line["clips_per_second"] == 5 * (tiny.B + tiny.U) / 10.0
    assert line["waiting"] == 0.25
    assert (log.seconds, log.waited) == (10.0, 2.5)


def test_restore__drops_later_lines_and_continues_the_window(log, tiny, tmp_path, runtime):
    run, batch = RunFolder(tmp_path), tiny.make_batch(0, 10)
    log.add(batch, result(1.0), waited=0.0)
    log.line(1, learning_rate=0.1)
    log.evaluation(1, {"top1": 0.5})
    log.add(batch, result(2.0), waited=0.0)
    state = log.state_dict()
    log.add(batch, result(4.0), waited=0.0)
    unbroken = log.line(3, learning_rate=0.1)
    resumed = MetricsLog(run, runtime, num_classes=3, tensorboard=False)
    lines = resumed.restore(2, state)
    assert lines == run.metrics()
    assert [set(line) & {"loss", "evaluation"} for line in lines] == [{"loss"}, {"evaluation"}]
    resumed.add(batch, result(4.0), waited=0.0)
    assert resumed.line(3, learning_rate=0.1)["loss"] == unbroken["loss"] == 3.0


def test_line__does_without_tensorboard(tmp_path, runtime, tiny, monkeypatch):
    monkeypatch.setattr("semivideo.engine.log.find_spec", lambda name: None)
    log = MetricsLog(RunFolder(tmp_path), runtime, num_classes=3, tensorboard=True)
    log.add(tiny.make_batch(0, 10), result(1.5), waited=0.0)
    assert log.line(1, learning_rate=0.1)["loss"] == 1.5
    log.close()
    assert not (tmp_path / "tensorboard").exists()


def test_line__goes_to_tensorboard_under_the_same_names(tmp_path, runtime, tiny):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = MetricsLog(RunFolder(tmp_path), runtime, num_classes=3, tensorboard=True)
    log.add(tiny.make_batch(0, 10), result(1.5, L_s=2.5), waited=0.0)
    log.line(1, learning_rate=0.1)
    log.evaluation(1, {"top1": 0.5})
    log.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    values = {tag: events.Scalars(tag)[0].value for tag in events.Tags()["scalars"]}
    assert values["loss"] == 1.5
    assert values["terms/L_s"] == 2.5
    assert values["evaluation/top1"] == 0.5
