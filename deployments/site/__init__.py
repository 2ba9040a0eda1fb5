"""The documentation as a site: reference pages made from the code, and links that are checked."""
