import io
import os
import signal

from rich.console import Console

from semivideo.base.errors import ConfigError, DataError, option
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


HOSTILE = "b\x1b]0;title\x07\nX\x9b\u202e\udcff.mp4"
SEEN = r"b\x1b]0;title\x07{}X\x9b\u202e\udcff.mp4"


def test_show__lets_no_name_speak_to_the_terminal(capsys):
    table = console.Table("video", "share", title=HOSTILE)
    table.add_row(HOSTILE, console.Text("3 of 4\n75 %"))
    console.show(table, HOSTILE)
    out = capsys.readouterr().out
    assert not set(out) & set("\x07\x1b\x9b\u202e\udcff")
    assert out.count(SEEN.format(r"\x0a")) == 2  # of a name the newline too
    assert "3 of 4" in out
    assert r"4\x0a75" not in out
    assert SEEN.format("\n") in out  # in a text lines are ours


def test_note__lets_no_name_speak_to_the_terminal(capsys, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(console, "MESSAGES", Console(file=screen, width=200))

    def command():
        raise DataError(f"cannot use {HOSTILE}: it is empty")

    assert console.run_plainly(command) == 2
    assert screen.getvalue() == f"error: cannot use {SEEN.format(' ')}: it is empty\n"


def test_run_plainly__says_where_memory_runs_out(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(console, "MESSAGES", Console(file=screen, width=200))
    for error in (MemoryError("realloc of size 7"), RuntimeError("can't allocate memory: 9 bytes")):

        def command(error=error):
            raise error

        assert console.run_plainly(command) == 1
    assert screen.getvalue().count("error: there is not enough memory (") == 2
    assert "(realloc of size 7); close other programs, or ask for less at once" in screen.getvalue()
