"""The pages: find a unit, see its timeline, lineage and refusals, read a settlement. Start with `pages`.

Rendered on the server, no script; `drawing` lays out the lineage as SVG.
"""
