"""The official Python SDK as a client of an MCP server behind Sidelight.

The SDK makes a span for each request and writes its context into `_meta`, so all that is needed is
an OpenTelemetry SDK.
"""

import asyncio
import os

from mcp import Client
from mcp.types import TextContent
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SIDELIGHT = os.environ.get("SIDELIGHT_URL", "http://127.0.0.1:8420")
ADMIN = os.environ.get("SIDELIGHT_ADMIN_URL", "http://127.0.0.1:9464")


async def main() -> None:
    with trace.get_tracer("python-client").start_as_current_span("add two numbers") as span:
        async with Client(f"{SIDELIGHT}/mcp") as client:
            result = await client.call_tool("get-sum", {"a": 17, "b": 25})
        trace_id = trace.format_trace_id(span.get_span_context().trace_id)
    print("\n".join(block.text for block in result.content if isinstance(block, TextContent)))
    print(f"trace {trace_id}")
    print(f"  on the status page: {ADMIN}/")
    print(f"  as JSON:            {ADMIN}/api/v1/calls/{trace_id}")


provider = TracerProvider(resource=Resource.create({"service.name": "python-client"}))
# Without a collector spans go nowhere, and their ids still travel.
if "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ:
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
asyncio.run(main())
provider.shutdown()
