"""A finished run on rendered videos, and a session of it."""

import shutil

import pytest

from semivideo.analysis.groups import Trained
from semivideo.review.access import Gate
from semivideo.review.items import review_items
from semivideo.review.session import Session
from tests.report.conftest import video_run  # noqa: F401


@pytest.fixture(scope="session")
def trained(video_run):  # noqa: F811
    return Trained.read(video_run.path)


@pytest.fixture(scope="session")
def items(trained):
    return review_items(trained, count=4)


@pytest.fixture
def session(trained, items):
    """Holds the run's answers; they are gone afterwards."""
    with Session(trained, items) as made:
        yield made
    shutil.rmtree(trained.run.answers, ignore_errors=True)


@pytest.fixture
def gate():
    return Gate(port=8123)
