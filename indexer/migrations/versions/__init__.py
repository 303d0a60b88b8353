"""One file per version of the tables, in order of their number; none is ever changed once released."""
