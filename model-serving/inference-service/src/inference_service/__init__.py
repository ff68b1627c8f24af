"""KServe ModelServer on ONNX Runtime, V2 REST and gRPC."""
