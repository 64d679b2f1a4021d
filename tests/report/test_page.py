"""The page of runs: one file that stands alone, for every reader, of any run."""

import re
from html.parser import HTMLParser

import numpy as np
import pyarrow.parquet as pq
import pytest

import semivideo
from semivideo import api
from semivideo.base.errors import CheckpointError, ConfigError
from semivideo.report import film_strips, run_findings
from tests.report.conftest import write_scores
from tests.run.labeling.conftest import make_features, train_on

VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """Elements of a page, in order, and whether they are closed as they were opened."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data):
        self.words += f"{data} "

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(video_run, tmp_path_factory):
    out = api.report([video_run], out=tmp_path_factory.mktemp("page") / "report.html")
    return Page(out.read_text(encoding="utf-8"))


def test_report__asks_no_server_for_anything(page, tmp_path):
    for tag, attributes in page.tags:
        for name in ("src", "href", "action", "data"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)
        assert tag not in ("script", "link", "iframe")
        assert not any(name.startswith("on") for name in attributes)


def test_report__has_what_screen_readers_and_keyboards_need(page):
    assert page.all("html") == [{"lang": "en"}]
    assert [tag for tag, _ in page.tags if tag in ("header", "nav", "main", "footer")] == [
        "header",
        "nav",
        "main",
        "footer",
    ]
    assert page.all("a")[0] == {"class": "skip", "href": "#main"}
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {link["href"][1:] for link in page.all("a")} <= ids
    assert all(section["aria-labelledby"] in ids for section in page.all("section"))
    assert all(image["alt"] for image in page.all("img"))
    assert all(image["role"] == "img" and image["aria-label"] for image in page.all("svg"))
    assert all(head["scope"] in ("col", "row") for head in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    heads = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert heads[0] == 1
    assert set(heads[1:]) == {2}
    scrolling = [a for _, a in page.tags if "scroll" in (a.get("class") or "")]
    assert all(each["tabindex"] == "0" and each["aria-label"] for each in scrolling)


def test_report__says_what_was_trained_and_how_good_it_is(page, video_run):
    words = " ".join(page.words.split())
    assert "cmpl on 2 labelled and 12 unlabelled videos of 2 classes" in words
    assert "league scratch" in words
    assert f"Split hash {video_run.split.hash}" in words
    assert "semivideo train" in words
    assert "--recipe small-cmpl" in words
    assert "of 4 test videos are named rightly" in words
    assert "The labels were not checked yet: semivideo doubts" in words
    assert "The unlabelled videos were not scored yet: semivideo suggest" in words
    assert len(page.all("img")) >= 1  # film strips of confident mistakes


def test_report__follows_dark_mode_and_print(page):
    text = page.words
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "max-width: 40rem" in text


def test_report__of_a_run_that_is_not_finished_says_what_is_missing(video_run, tmp_path):
    run = semivideo.run.finished.RunFolder.create(tmp_path / "half <b>")
    for name in ("settings_file", "manifest_file", "split_file"):
        getattr(run, name).write_bytes(getattr(video_run.folder, name).read_bytes())
    page = Page(api.report([run.path], out=tmp_path / "half.html").read_text())
    assert "The test videos were not scored yet: semivideo evaluate" in page.words
    assert "The training has not finished: semivideo train --resume" in page.words
    assert "half <b>" in page.words
    assert not page.all("b")


def test_report__of_a_run_on_features_names_videos_to_label(tmp_path):
    features = make_features(tmp_path / "features", wrong=(3, 16))
    split = semivideo.split(features, labels_per_class=6, test_groups=["g00", "g01"])
    run = train_on(features, tmp_path / "run", split=split, recipe="features-cmpl")
    write_scores(run)
    api.doubts(run, folds=2, look_at_frames=False)
    api.plan([run], draws=1)
    page = Page(api.report([run], out=tmp_path / "page.html").read_text())
    assert len(re.findall("guess: ", page.words)) == 12
    assert "image weights" in page.words
    assert "Accuracy over the number of labels" in page.words
    assert "semivideo suggest" not in page.words


def test_report__of_a_thousand_videos_is_under_five_megabytes(tmp_path, monkeypatch):
    """With film strips of noise, which JPEG cannot make small, in every place that has one."""
    noise = np.random.default_rng(0).integers(0, 256, (72, 5 * 160, 3), dtype=np.uint8)
    monkeypatch.setattr(run_findings, "film_strip", lambda *_: film_strips.jpeg_uri(noise))
    names = [f"class number {n}" for n in range(100)]
    features = make_features(tmp_path / "features", num=1000, classes=names)
    split = semivideo.split(
        features, labels_per_class=2, test_groups=[f"g{n:02}" for n in range(4)]
    )
    run = train_on(features, tmp_path / "run", split=split, steps=5, recipe="features-cmpl")
    write_scores(run, right=0.3)
    out = api.report([run], out=tmp_path / "page.html")
    text = out.read_text()
    assert text.count("data:image/jpeg") >= 24
    assert out.stat().st_size < 5e6


@pytest.fixture(scope="module")
def two_leagues(video_run, tmp_path_factory):
    """The run from scratch, the same with another seed, and one that claims image weights."""
    folder = tmp_path_factory.mktemp("leagues")
    paths = []
    for number, changes in enumerate(({}, {"engine.seed": 1}, {"networks.primary.options": None})):
        run = semivideo.run.finished.RunFolder(folder / f"run-{number}")
        run.path.mkdir()
        for file in ("manifest_file", "split_file", "summary_file", "metrics_file"):
            getattr(run, file).write_bytes(getattr(video_run.folder, file).read_bytes())
        settings = video_run.folder.settings()
        if "networks.primary.options" in changes:
            changes = {
                "networks.primary.name": "efficientnet_lite0",
                "networks.primary.options": {"pretrained": True},
                "networks.primary.origin": {
                    "pretrained_on": "ImageNet-1k",
                    "licence": "Apache-2.0",
                    "league": "image weights",
                },
            }
        run.write_text(run.settings_file, settings.updated(changes).to_yaml())
        write_scores(semivideo.run.finished.Run(run), seed=number)
        paths.append(run.path)
    return paths


def test_report__of_several_runs_ranks_no_leagues_together(two_leagues, tmp_path, monkeypatch):
    monkeypatch.setattr("semivideo.analysis.result.models.create", _no_network)
    page = Page(api.report(two_leagues, out=tmp_path / "c.html").read_text())
    words = " ".join(page.words.split())
    assert "These runs are of 2 leagues" in words
    assert len(page.all("table")) == 3  # one a league, and the classes
    assert "pretrained on ImageNet-1k; licence of the weights: Apache-2.0" in words
    one = Page(api.report(two_leagues[:2], out=tmp_path / "d.html").read_text())
    assert "These runs are of" not in one.words
    assert len(one.all("table")) == 2


def _no_network(*_, **__):
    import torch

    return torch.nn.Linear(2, 2)


def test_report__refuses_runs_on_different_videos(two_leagues, tmp_path):
    other = semivideo.run.finished.RunFolder(tmp_path / "other")
    other.path.mkdir()
    source = semivideo.run.finished.RunFolder(two_leagues[0])
    for file in ("manifest_file", "split_file", "summary_file", "settings_file"):
        getattr(other, file).write_bytes(getattr(source, file).read_bytes())
    found = semivideo.evaluation.Evaluation.read(source.evaluation_file)
    found._of(np.arange(found.num_videos) > 0).write(other.evaluation_file)
    with pytest.raises(ConfigError, match="were tested on different videos"):
        api.report([two_leagues[0], other.path], out=tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()


def test_report__refuses_what_is_no_page_and_no_run(tmp_path):
    with pytest.raises(ConfigError, match=r"must end in \.html, for the report is a page"):
        api.report([tmp_path], out=tmp_path / "report.pdf")
    with pytest.raises(ConfigError, match="there is no run in"):
        api.report([tmp_path], out=tmp_path / "report.html")
    with pytest.raises(CheckpointError, match="there is no run folder"):
        api.report([tmp_path / "a", tmp_path / "b"], out=tmp_path / "report.html")


def test_report__replaces_earlier_reports_alone(video_run, tmp_path):
    (tmp_path / "mine.HTML").write_text("<p>mine</p>")
    sentence = (
        r"mine\.HTML exists and is neither empty nor an earlier report; choose another out, or"
    )
    with pytest.raises(ConfigError, match=sentence):
        api.report([video_run], out=tmp_path / "mine.HTML")
    for _ in range(2):
        api.report([video_run], out=tmp_path / "r.html")


def test_report__of_videos_that_left_has_no_pictures(video_run, tmp_path):
    table = pq.read_table(video_run.folder.manifest_file)
    assert table.num_rows == 18
    moved = video_run.folder.manifest_file.read_bytes()
    manifest = semivideo.api.as_manifest(video_run.folder.manifest_file)
    gone = type(manifest)(manifest.table, root=tmp_path)
    try:
        gone.write(video_run.folder.manifest_file)
        page = Page(api.report([video_run], out=tmp_path / "r.html").read_text())
    finally:
        video_run.folder.manifest_file.write_bytes(moved)
    assert page.all("img") == []
    assert "named:" in page.words


def test_findings__of_groups_that_are_alike_have_an_interval_all_the_same(video_run):
    kept = [video_run.folder.evaluation_file, video_run.folder.evaluation_file.with_suffix(".npz")]
    before = [file.read_bytes() for file in kept]
    write_scores(video_run, right=1.1)
    try:
        found = run_findings.findings(video_run.path)
    finally:
        for file, content in zip(kept, before, strict=True):
            file.write_bytes(content)
    assert found.accuracy.value == found.accuracy.high == 1
    assert found.accuracy.low == pytest.approx(0.51, abs=0.01)
