"""Papers that are handed over: a settlement, a bill of discharge, a drawback entry, what is unexplained.

Every paper is first a document of JSON values; `layouts` and `settlement.sheets` say which of its figures
stand in which table, and one writer each makes XLSX (`settlement.workbook`) and PDF (`pdf`) of them. So no
two forms of a paper can say different things. Start with `pdf.paper`.
"""
