"""V2 over gRPC: KServe's servicer on one address, with the release as version."""

import logging

from grpc import StatusCode, aio
from kserve.constants.constants import MAX_GRPC_MESSAGE_LENGTH
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import (
    add_GRPCInferenceServiceServicer_to_server,
)
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.model_repository_extension import ModelRepositoryExtension

from model_server.status import message_of, status_of
from platform_core.errors import ConfigurationError

logger = logging.getLogger(__name__)


class ReleaseServicer(InferenceServicer):
    """KServe's servicer, with the versions in the metadata that KServe leaves out."""

    async def ModelMetadata(  # noqa: N802
        self, request: messages.ModelMetadataRequest, context: aio.ServicerContext
    ) -> messages.ModelMetadataResponse:
        """Return the metadata of a model with its release as version."""
        del context
        return messages.ModelMetadataResponse(
            **await self._data_plane.model_metadata(model_name=request.name)
        )


class StatusInterceptor(ExceptionToStatusInterceptor):
    """Maps errors to statuses by the same table as REST; KServe's own fails on some errors."""

    async def handle_exception(
        self,
        ex: Exception,
        request_or_iterator: object,
        context: aio.ServicerContext,
        method_name: str,
    ) -> None:
        """End the call with the error's status and message."""
        del request_or_iterator
        status = status_of(ex).grpc
        if status in {StatusCode.INTERNAL, StatusCode.UNAVAILABLE}:
            logger.warning("%s answered %s: %s", method_name, status.name, ex)
        await context.abort(status, message_of(ex))


async def start_grpc(
    address: str, dataplane: DataPlane, extension: ModelRepositoryExtension
) -> aio.Server:
    """Start a gRPC server on `address` (host:port).

    Raises:
        ConfigurationError: the address is taken or not this machine's.
    """
    options = [
        ("grpc.max_send_message_length", MAX_GRPC_MESSAGE_LENGTH),
        ("grpc.max_receive_message_length", MAX_GRPC_MESSAGE_LENGTH),
        # Otherwise two servers on one port would share its calls unnoticed.
        ("grpc.so_reuseport", 0),
    ]
    server = aio.server(interceptors=(StatusInterceptor(),), options=options)
    add_GRPCInferenceServiceServicer_to_server(ReleaseServicer(dataplane, extension), server)
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise ConfigurationError(f"gRPC cannot listen on {address}: {error}") from error
    await server.start()
    return server
