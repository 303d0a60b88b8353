"""What `scripts/bench tracer` is made of: books kept in the cache (`books`), one measured run of the command
(`once`), the figures (`report`), the smallest faults that are found (`smallest`), their page (`detection`).
"""
