"""The messages between host and worker, as far as the runtime library looks at them.

Names, fields and values are those of Microsoft's FunctionRpc.proto. As in protobuf, a field that
does not exist or has a value of the wrong type is refused, and a field that was not set has its
type's default.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class Message:
    """One message; `FIELDS` has the type of every field."""

    FIELDS: ClassVar[Mapping[str, Any]]
    ONE_OF: ClassVar[tuple[str, ...]] = ()
    """The fields of which only one is set."""

    def __init__(self, **fields: Any) -> None:
        kind = type(self).__name__
        for name, value in fields.items():
            if name not in self.FIELDS:
                raise ValueError(f"{kind} has no field {name!r}")
            if value is not None and not isinstance(value, self.FIELDS[name]):
                raise TypeError(f"{kind}.{name} got {value!r}")
        self._set = {name: value for name, value in fields.items() if value is not None}

    def __getattr__(self, name: str) -> Any:
        if name in self.FIELDS:
            return self._set.get(name, self.FIELDS[name]())
        raise AttributeError(name)

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802  # protobuf's name
        """The field that is set."""
        return next((name for name in self.ONE_OF if name in self._set), None)


class RpcHttp(Message):
    FIELDS: ClassVar[Mapping[str, Any]] = {
        "method": str,
        "url": str,
        "headers": dict,
        "params": dict,
        "query": dict,
        "status_code": str,
        "cookies": list,
        "enable_content_negotiation": bool,
        # `body`, a TypedData, is added below
    }


class TypedData(Message):
    ONE_OF: ClassVar[tuple[str, ...]] = ("string", "json", "bytes", "http", "int", "double")
    FIELDS: ClassVar[Mapping[str, Any]] = {
        "string": str,
        "json": str,
        "bytes": bytes,
        "http": RpcHttp,
        "int": int,
        "double": float,
    }


RpcHttp.FIELDS = {**RpcHttp.FIELDS, "body": TypedData}


class ParameterBinding(Message):
    ONE_OF: ClassVar[tuple[str, ...]] = ("data",)
    FIELDS: ClassVar[Mapping[str, Any]] = {"name": str, "data": TypedData}

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802
        return super().WhichOneof(group) if group == "rpc_data" else None


class RpcException(Message):
    FIELDS: ClassVar[Mapping[str, Any]] = {"source": str, "stack_trace": str, "message": str}


class StatusResult(Message):
    Failure, Success = 0, 1
    FIELDS: ClassVar[Mapping[str, Any]] = {"status": int, "exception": RpcException}


class WorkerMetadata(Message):
    FIELDS: ClassVar[Mapping[str, Any]] = {
        "runtime_name": str,
        "runtime_version": str,
        "worker_version": str,
        "worker_bitness": str,
        "custom_properties": dict,
    }


class WorkerInitRequest(Message):
    FIELDS: ClassVar[Mapping[str, Any]] = {"capabilities": dict, "function_app_directory": str}


class WorkerInitResponse(Message):
    FIELDS: ClassVar[Mapping[str, Any]] = {
        "capabilities": dict,
        "worker_metadata": WorkerMetadata,
        "result": StatusResult,
    }


class BindingInfo(Message):
    undefined, string, binary, stream = 0, 1, 2, 3
    out, inout = 1, 2  # and `in`, 0
    FIELDS: ClassVar[Mapping[str, Any]] = {"type": str, "direction": int, "data_type": int}


class RpcFunctionMetadata(Message):
    FIELDS: ClassVar[Mapping[str, Any]] = {
        "name": str,
        "directory": str,
        "script_file": str,
        "entry_point": str,
        "bindings": dict,
        "is_proxy": bool,
        "language": str,
        "raw_bindings": list,
        "function_id": str,
        "managed_dependency_enabled": bool,
        "retry_options": Message,
        "properties": dict,
    }


class FunctionMetadataResponse(Message):
    FIELDS: ClassVar[Mapping[str, Any]] = {
        "function_metadata_results": list,
        "result": StatusResult,
        "use_default_metadata_indexing": bool,
    }


class FunctionLoadRequest(Message):
    FIELDS: ClassVar[Mapping[str, Any]] = {"function_id": str}


class FunctionLoadResponse(Message):
    FIELDS: ClassVar[Mapping[str, Any]] = {"function_id": str, "result": StatusResult}


class RpcTraceContext(Message):
    FIELDS: ClassVar[Mapping[str, Any]] = {
        "trace_parent": str,
        "trace_state": str,
        "attributes": dict,
    }


class RetryContext(Message):
    FIELDS: ClassVar[Mapping[str, Any]] = {
        "retry_count": int,
        "max_retry_count": int,
        "exception": RpcException,
    }


class InvocationRequest(Message):
    FIELDS: ClassVar[Mapping[str, Any]] = {
        "invocation_id": str,
        "function_id": str,
        "input_data": list,
        "trigger_metadata": dict,
        "trace_context": RpcTraceContext,
        "retry_context": RetryContext,
    }


class InvocationResponse(Message):
    FIELDS: ClassVar[Mapping[str, Any]] = {
        "invocation_id": str,
        "output_data": list,
        "return_value": TypedData,
        "result": StatusResult,
    }


class StreamingMessage(Message):
    """What comes from the host."""

    FIELDS: ClassVar[Mapping[str, Any]] = {
        "worker_init_request": WorkerInitRequest,
        "functions_metadata_request": Message,
        "function_load_request": FunctionLoadRequest,
        "invocation_request": InvocationRequest,
    }
