import io
import os
import signal

from rich.console import Console

from semivideo.base.errors import ConfigError, option
from semivideo.base.progress import PlainLines
from semivideo.cli import console


def test_progress_bars__are_lines_off_a_terminal(monkeypatch):
    lines = []
    monkeypatch.setattr(console, "note", lines.append)
    now = iter([0.0, 11.0, 12.0])
    with console.progress_bars() as progress:
        assert isinstance(progress, PlainLines)
    progress = PlainLines(console.note, clock=lambda: next(now))
    for done in (0, 22, 24):
        progress("train", done, 100, "loss 1.0")
    assert lines == ["train: 22 of 100, 2.0/s, 39 s left  loss 1.0"]


def test_show__never_cuts_a_word_of_a_table(monkeypatch, capsys):
    monkeypatch.setattr(console, "WIDTH_OFF_TERMINAL", 30)
    table = console.Table("method", "why")
    names = ["fixmatch, views.flip=true, data.balanced=true", "fixmatch, views.flip=false"]
    for name in names:
        table.add_row(name, "w" * 20)
    console.show(table)
    out = capsys.readouterr().out
    assert "…" not in out
    cells = "".join(line.split("│")[1].strip() for line in out.splitlines() if "│" in line)
    assert cells.replace(" ", "") == "".join(names).replace(" ", "")


def test_on_interrupt__turns_sigterm_into_a_hint_and_its_exit_code():
    before = signal.getsignal(signal.SIGTERM)

    def command():
        with console.on_interrupt(lambda: "go on with: x"):
            os.kill(os.getpid(), signal.SIGTERM)

    assert console.run_plainly(command, spelling=lambda name, _: name) == 143
    assert signal.getsignal(signal.SIGTERM) == before


def test_progress_bars__draw_a_bar_per_description_on_a_terminal(monkeypatch):
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=120)
    monkeypatch.setattr(console, "MESSAGES", terminal)
    with console.progress_bars() as progress:
        progress("scan", 1, 4, "")
        progress("train", 3, 9, "loss 0.5")
        progress("scan", 4, 4)
    last = screen.getvalue()
    for words in ("scan", "4/4", "train", "3/9", "loss 0.5"):
        assert words in last


def test_show__does_not_squeeze_tables_off_a_terminal(capsys):
    table = console.Table("path", "why")
    table.add_row("p" * 60, "w" * 60)
    console.show(table, "a [bracket] " + "x" * 200)
    out = capsys.readouterr().out
    assert f"{'p' * 60} │ {'w' * 60}" in out
    assert f"a [bracket] {'x' * 200}\n" in out


def test_percent__has_one_digit():
    assert [console.percent(share) for share in (0.12345, 1.0, float("nan"))] == [
        "12.3",
        "100.0",
        "-",
    ]


def test_run_plainly__names_options_by_their_own_names_where_no_command_is_known(monkeypatch):
    lines = []
    monkeypatch.setattr(console, "note", lambda line, **_: lines.append(line))

    def fail():
        raise ConfigError(f"leave out {option('labels_per_class')} or add {option('train', True)}")

    assert console.run_plainly(fail) == 2
    assert lines == ["error: leave out --labels-per-class or add --train"]
