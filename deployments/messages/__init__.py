"""What a person does with the Messenger: make what it needs, and look after dead letters."""
