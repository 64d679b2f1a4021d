"""The exported run of the tests of export."""

from tests.export.conftest import onnx_folder, pixel_run

__all__ = ["onnx_folder", "pixel_run"]
