"""A settlement report as it was filed, against what the ledger says. Start at `reading.read_filed`, then
`comparing.compare`.

Source: domain reference, sections 4.3 and 7.11 (rule B4). Files of enterprises differ: columns are added,
column 6 is split, subtracted columns of form 15a change places. What a column means is therefore taken from
its number on the form and its heading, and proven by the form's own identity before anything is compared.
"""
