"""The routes of the HTTP interface: thin, they translate between HTTP and the parts."""
