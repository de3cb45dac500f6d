"""The commands of `messaging`: `doors` says what they take, the rest does what they do.

The doors import nothing that takes long, so that `messaging --help` is quick.
"""
