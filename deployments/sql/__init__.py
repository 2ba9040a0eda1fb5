"""What the person who edits the SQL uses: build by hand, and the documentation."""
