"""Invented enterprises as book folders: of any size, of several trades, clean unless a fault is asked for.

Start with `enterprise.write_book`; `archetypes` says what the trades make of what, `faults` spoils a book.
"""
