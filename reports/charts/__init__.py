"""The charts of the report: one file for each, from figures to SVG. Colours are names that the style fills in."""
