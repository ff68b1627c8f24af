"""HTTP: the application, its middleware, problem documents and the OpenAPI document."""
