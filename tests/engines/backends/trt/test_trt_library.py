"""Tests the library of TensorRT that is installed."""

import importlib.util

import pytest

from engines.backends.trt.library import load_tensorrt, one_line

RTX = importlib.util.find_spec("tensorrt_rtx") is not None
needs_rtx = pytest.mark.skipif(not RTX, reason="tensorrt_rtx is missing: pip install '.[trt]'")


def test_a_message_becomes_one_line_without_places_in_the_source_code():
    message = "Invalid Node - T\nerror 4: no (In x)\n[checkMacros.cpp::250] Error Code 1"
    assert one_line(message) == "Invalid Node - T error 4: no (In x)"
    assert one_line("[only.cpp::1] Error Code 1\n") == "[only.cpp::1] Error Code 1"


@needs_rtx
def test_the_installed_tensorrt_has_every_function_that_is_called():
    api = load_tensorrt().api
    for owner, names in {
        "Runtime": ("deserialize_cuda_engine",),
        "ICudaEngine": ("create_execution_context", "create_runtime_config"),
        "IRuntimeConfig": (
            *("cuda_graph_strategy", "dynamic_shapes_kernel_specialization_strategy"),
            *("create_runtime_cache", "set_runtime_cache"),
        ),
        "IRuntimeCache": ("serialize", "deserialize"),
        "DynamicShapesKernelSpecializationStrategy": ("EAGER",),
        "CudaGraphStrategy": ("WHOLE_GRAPH_CAPTURE",),
        "IExecutionContext": ("set_tensor_address", "set_input_shape", "execute_async_v3"),
    }.items():
        for name in names:
            assert hasattr(getattr(api, owner), name), f"{owner}.{name}"
