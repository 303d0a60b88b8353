"""What the ways in show: index and tracer as JSON values, the same for command, HTTP and pages.

Quantities are strings, times ISO 8601 in UTC, ids 0x-prefixed hex. Nothing is judged here.
"""
