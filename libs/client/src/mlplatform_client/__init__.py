"""A typed client of the gateway's HTTP API, synchronous and asynchronous."""

from mlplatform_client.client import AsyncClient, Client
from mlplatform_client.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ClientOptionsError,
    ConflictError,
    GoneError,
    InvalidFieldsError,
    InvalidResponseError,
    MlplatformError,
    NotFoundError,
    PermissionDeniedError,
    QuotaError,
    RateLimitError,
    ServerError,
    TransferError,
    UnavailableError,
    WaitTimeoutError,
)
from mlplatform_client.models.feedback import LabelSubmission
from mlplatform_client.models.predictions import InvalidItem, Prediction

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncClient",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "ClientOptionsError",
    "ConflictError",
    "GoneError",
    "InvalidFieldsError",
    "InvalidItem",
    "InvalidResponseError",
    "LabelSubmission",
    "MlplatformError",
    "NotFoundError",
    "PermissionDeniedError",
    "Prediction",
    "QuotaError",
    "RateLimitError",
    "ServerError",
    "TransferError",
    "UnavailableError",
    "WaitTimeoutError",
]
