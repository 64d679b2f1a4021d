import io

from rich.console import Console

from semivideo.cli import console


def test_progress_bars__are_none_off_a_terminal():
    with console.progress_bars() as progress:
        assert progress is None


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
