import pytest

from semivideo.engine.watch import CollapseWatch


def feed(watch, rows, *, every=10):
    """Give one line per row (kept, share of the largest class)."""
    for number, (kept, share) in enumerate(rows, start=1):
        line = {"step": number * every, "kept": {"primary": kept}}
        line |= {"top_class": {"primary": 4}, "top_class_share": {"primary": share}}
        watch.look(line)
        watch.look({"step": number * every, "evaluation": {"top1": 0.1}})


@pytest.fixture
def watch():
    return CollapseWatch(num_steps=300, num_classes=10)


def test_watch__reports_nothing_kept_once(watch, caplog):
    feed(watch, [(0.0, 0.0)] * 20)
    assert watch.warnings == [
        "steps 0 to 90: primary keeps none of its pseudo-labels; lower method.threshold or raise "
        "method.supervised_warmup"
    ]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_watch__reports_everything_kept_early_but_not_late(watch):
    feed(watch, [(0.5, 0.2)] * 15 + [(1.0, 0.2)] * 15)
    assert watch.warnings == []
    early = CollapseWatch(num_steps=300, num_classes=10)
    feed(early, [(1.0, 0.2)] * 5)
    assert "keeps 100% of its pseudo-labels this early" in early.warnings[0]
    assert "or lower engine.learning_rate" in early.warnings[0]


@pytest.mark.parametrize(
    ("num_classes", "share", "found"), [(10, 0.95, 1), (2, 0.95, 0), (2, 1, 1)]
)
def test_watch__reports_one_class(num_classes, share, found):
    watch = CollapseWatch(num_steps=300, num_classes=num_classes)
    feed(watch, [(0.7, share)] * 4)
    assert len(watch.warnings) == found
    assert all("to one class (number 4): training has collapsed" in w for w in watch.warnings)


def test_watch__wants_a_fault_to_last(watch):
    feed(watch, [(0.0, 0.0), (0.0, 0.0), (0.3, 0.3)] * 10)
    assert watch.warnings == []


def test_watch__trusts_no_class_count_of_few_labels(watch):
    feed(watch, [(0.02, 1.0)] * 10)
    assert watch.warnings == []


def test_watch__waits_for_a_third_of_the_training_before_it_says_nothing_is_kept():
    watch = CollapseWatch(num_steps=3000, num_classes=10)
    feed(watch, [(0.0, 0.0)] * 89)
    assert watch.warnings == []
    watch.look({"step": 900, "kept": {"primary": 0.0}})
    assert len(watch.warnings) == 1


def test_watch__keeps_old_warnings_silently_when_resumed(watch, caplog):
    for step in range(10, 110, 10):
        watch.look({"step": step, "kept": {"primary": 0.0}}, is_new=False)
    assert len(watch.warnings) == 1
    assert caplog.text == ""


def test_watch__says_nothing_of_methods_without_pseudo_labels(watch):
    for step in range(10, 300, 10):
        watch.look({"step": step, "loss": 1.0, "terms": {}})
    assert watch.warnings == []
