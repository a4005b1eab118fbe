"""What handful does, a verb a file: the library calls behind the commands; each puts the steps of the road together."""
