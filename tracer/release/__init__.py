"""Time release study: how long goods take from arrival to leaving the port, where, and who acted next.

WTO Trade Facilitation Agreement Art. 7.6.1 asks to measure and publish it; stages and statistics are those of
the domain reference, section 10 (WCO Guide to Measure the Time Required for the Release of Goods, version 3,
2018). Start at `cases` (units and their stages, from the index), then `study`; `clock` counts working hours,
`statistics` are the figures of one sample, `traffic` how full it was.
"""
