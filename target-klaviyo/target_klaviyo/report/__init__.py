"""What an audit found, as a table on the terminal, a JSON document and one self-contained page.

The page is made from the document and from nothing else, so their numbers cannot differ. Its charts
are drawn when it is written, as SVG: it opens without a network and runs no script.
"""
