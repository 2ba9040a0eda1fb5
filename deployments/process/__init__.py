"""How a process worker starts a flow run: by forking a process that has the libraries imported already."""
