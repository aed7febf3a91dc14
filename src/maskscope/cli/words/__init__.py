"""From the words of a command line to options, and from options to help."""
