import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny networks are many times faster without a thread pool, above all beside other tests."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
